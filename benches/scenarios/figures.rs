//! What one run gave.

use std::collections::BTreeMap;

use crate::{histogram::Histogram, procstat::Usage, tally::Faults};

/// Named values, units last, and what went wrong.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub values: BTreeMap<&'static str, f64>,
    pub faults: Faults,
}

/// A line of the table: what distinguishes it from its scenario's others, and its figures.
pub type Row = (String, Figures);

impl Figures {
    pub fn set(&mut self, name: &'static str, value: f64) {
        self.values.insert(name, value);
    }

    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.get(name).copied()
    }

    /// `[p50, p99, max]`, the names of their values.
    pub fn set_times(&mut self, names: [&'static str; 3], times: &Histogram) {
        let values = [times.quantile_ms(0.5), times.quantile_ms(0.99), times.max_ms()];
        self.values.extend(names.into_iter().zip(values).filter_map(|(name, value)| Some((name, value?))));
    }

    pub fn set_latency(&mut self, latency: &Histogram) {
        self.set_times(["latency_p50_ms", "latency_p99_ms", "latency_max_ms"], latency);
    }

    pub fn set_acks(&mut self, acks: &Histogram) {
        self.set_times(["ack_p50_ms", "ack_p99_ms", "ack_max_ms"], acks);
    }

    pub fn set_usage(&mut self, usage: Usage, deliveries: u64) {
        let per_delivery = |seconds: f64| seconds * 1e6 / deliveries.max(1) as f64;
        let per_second = |seconds: f64| seconds / usage.wall_s.max(0.001);
        self.set("cpu_us_per_delivery", per_delivery(usage.server_s + usage.postgres_s));
        self.set("server_cpu_us_per_delivery", per_delivery(usage.server_s));
        self.set("postgres_cpu_us_per_delivery", per_delivery(usage.postgres_s));
        self.set("server_cores", per_second(usage.server_s));
        self.set("postgres_cores", per_second(usage.postgres_s));
        self.set("bench_cores", per_second(usage.bench_s));
        self.set("other_cores", usage.other_cores);
    }

    /// The middle of several rounds of the same; faults add up, and others' load is the worst there was.
    pub fn median(rounds: &[Self]) -> Self {
        let mut median = Self::default();
        let names = rounds.iter().flat_map(|round| round.values.keys());
        for name in names {
            let mut values: Vec<f64> = rounds.iter().filter_map(|round| round.get(name)).collect();
            values.sort_by(f64::total_cmp);
            let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
            let worst = values[values.len() - 1];
            median.set(name, if *name == "other_cores" { worst } else { f64::midpoint(low, high) });
        }
        for round in rounds {
            median.faults += round.faults;
        }
        median
    }
}
