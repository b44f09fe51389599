pub mod address;
pub mod follow;
