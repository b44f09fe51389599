//! Randomness that can be repeated: the seed is printed, and `COURSESTREAM_TEST_SEED` brings it back.

use rand::{SeedableRng, rngs::StdRng};

pub fn chance() -> StdRng {
    let seed = match std::env::var("COURSESTREAM_TEST_SEED") {
        Ok(seed) => seed.parse().expect("COURSESTREAM_TEST_SEED is a whole number"),
        Err(_) => rand::random(),
    };
    // Shown with a failure.
    println!("COURSESTREAM_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}
