//! The table and the JSON.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use anyhow::Result;
use serde::Serialize;

use crate::{
    figures::{Figures, Row},
    machine::Machine,
    options::Options,
    scenario::Scenario,
    tally::Faults,
};

/// Others on the machine used more than this many cores: the run is marked.
const OTHER_CORES_MAX: f64 = 0.3;

/// Columns of the table; everything else that a scenario measures stands in its last one.
const COLUMNS: [(&str, &[&str]); 9] = [
    ("events/s", &["events_per_s"]),
    ("deliveries/s", &["deliveries_per_s"]),
    ("latency p50 / p99 / max, ms", &["latency_p50_ms", "latency_p99_ms", "latency_max_ms"]),
    ("ack p50 / p99 / max, ms", &["ack_p50_ms", "ack_p99_ms", "ack_max_ms"]),
    ("CPU µs a delivery: server + Postgres", &["server_cpu_us_per_delivery", "postgres_cpu_us_per_delivery"]),
    ("server RSS, MiB", &["server_rss_mib"]),
    ("cores: server / Postgres / bench", &["server_cores", "postgres_cores", "bench_cores"]),
    ("others' cores", &["other_cores"]),
    ("", &["cpu_us_per_delivery", "n"]),
];

/// Columns of the other table, of scenarios that ask questions.
const ANSWER_COLUMNS: [(&str, &str); 6] = [
    ("first, ms", "answer_first_ms"),
    ("p50, ms", "answer_p50_ms"),
    ("p99, ms", "answer_p99_ms"),
    ("max, ms", "answer_max_ms"),
    ("rows", "answer_rows"),
    ("KiB", "answer_kib"),
];

pub struct Report {
    machine: Machine,
    settings: String,
    /// In the order in which they came first.
    rows: Vec<(Scenario, String, Vec<Figures>)>,
    failures: Vec<String>,
}

#[derive(Serialize)]
struct JsonRow<'a> {
    scenario: &'static str,
    case: &'a str,
    median: &'a BTreeMap<&'static str, f64>,
    faults: Faults,
    rounds: Vec<&'a BTreeMap<&'static str, f64>>,
}

impl Report {
    pub fn new(machine: Machine, options: &Options) -> Self {
        let text = |duration: Duration| humantime::format_duration(duration).to_string();
        let (duration, warm_up) = (text(options.duration), text(options.warm_up));
        let rounds =
            if options.rounds == 1 { "One round".to_owned() } else { format!("Medians of {} rounds", options.rounds) };
        let settings = format!("{rounds}, {duration} each after {warm_up} of warming up{}", options.other_program());
        Self { machine, settings, rows: Vec::new(), failures: Vec::new() }
    }

    pub fn add(&mut self, scenario: Scenario, rows: Vec<Row>) {
        for (case, figures) in rows {
            eprintln!("    {case} {}", summary(&figures));
            match self.rows.iter_mut().find(|row| row.0 == scenario && row.1 == case) {
                Some(row) => row.2.push(figures),
                None => self.rows.push((scenario, case, vec![figures])),
            }
        }
    }

    pub fn failed(&mut self, scenario: Scenario, error: &anyhow::Error) {
        let failure = format!("{}: {error:#}", scenario.name());
        eprintln!("    FAILED {failure}");
        self.failures.push(failure);
    }

    pub fn is_clean(&self) -> bool {
        self.failures.is_empty() && self.rows.iter().flat_map(|row| &row.2).all(|figures| figures.faults.is_clean())
    }

    pub fn markdown(&self) -> String {
        let Machine { cores, cpu, memory_gib, kernel, commit, date, build } = &self.machine;
        let mut text = format!(
            "Commit {commit}, {build} build, {date}. {cores} cores of {cpu}, {memory_gib:.0} GiB, Linux {kernel}, shared by the \
             server, its PostgreSQL (fsync and synchronous_commit on) and the load generator. {}.\n\n",
            self.settings
        );
        self.write_loads(&mut text);
        self.write_answers(&mut text);
        for (scenario, powers) in self.growths() {
            let powers: Vec<String> = powers.iter().map(|(name, power)| format!("{name} ∝ n^{power:.2}")).collect();
            let _ = writeln!(text, "\n{scenario}: {}", powers.join(", "));
        }
        for failure in &self.failures {
            let _ = writeln!(text, "\nFAILED {failure}");
        }
        let busiest = self.rows.iter().flat_map(|row| &row.2).filter_map(|figures| figures.get("other_cores"));
        if busiest.fold(0.0, f64::max) > OTHER_CORES_MAX {
            text.push_str("\nThe machine was not quiet (see others' cores): these figures are too low.");
        }
        text
    }

    /// The rows of scenarios that ask questions, or those of all others, with their medians.
    fn medians(&self, of_answers: bool) -> impl Iterator<Item = (String, Figures)> {
        let medians = self.rows.iter().map(|(scenario, case, rounds)| {
            let name =
                if case.is_empty() { scenario.name().to_owned() } else { format!("{}, {case}", scenario.name()) };
            (name, Figures::median(rounds))
        });
        medians.filter(move |(_, median)| median.get("answer_p50_ms").is_some() == of_answers)
    }

    fn write_answers(&self, text: &mut String) {
        if self.medians(true).next().is_none() {
            return;
        }
        let titles = ANSWER_COLUMNS.map(|(title, _)| title);
        let _ = writeln!(text, "\n| question | {} |", titles.join(" | "));
        let _ = writeln!(text, "| --- |{}", " ---: |".repeat(titles.len()));
        for (name, median) in self.medians(true) {
            let cells = ANSWER_COLUMNS.map(|(_, name)| cell(&median, &[name]));
            let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
        }
    }

    fn write_loads(&self, text: &mut String) {
        if self.medians(false).next().is_none() {
            return;
        }
        let shown = || COLUMNS.iter().filter(|(title, _)| !title.is_empty());
        let titles: Vec<&str> = shown().map(|(title, _)| *title).collect();
        let _ = writeln!(text, "| scenario | {} | faults | also |", titles.join(" | "));
        let _ = writeln!(text, "| --- |{} --- | --- |", " ---: |".repeat(titles.len()));
        for (name, median) in self.medians(false) {
            let cells: Vec<String> = shown().map(|(_, names)| cell(&median, names)).collect();
            let also = median.values.iter().filter(|(name, _)| !COLUMNS.iter().any(|(_, names)| names.contains(name)));
            let also: Vec<String> = also.map(|(name, value)| format!("{name} {}", number(*value))).collect();
            let (cells, also) = (cells.join(" | "), also.join(", "));
            let _ = writeln!(text, "| {name} | {cells} | {} | {also} |", fault_text(median.faults));
        }
    }

    pub fn json(&self) -> Result<String> {
        let medians: Vec<Figures> = self.rows.iter().map(|(_, _, rounds)| Figures::median(rounds)).collect();
        let row = |((scenario, case, rounds), median): (&'_ (Scenario, String, Vec<Figures>), &'_ Figures)| {
            serde_json::to_value(JsonRow {
                scenario: scenario.name(),
                case,
                median: &median.values,
                faults: median.faults,
                rounds: rounds.iter().map(|round| &round.values).collect(),
            })
        };
        let rows: Vec<_> = self.rows.iter().zip(&medians).map(row).collect::<Result<_, _>>()?;
        let report = serde_json::json!({
            "machine": self.machine, "settings": self.settings, "rows": rows, "growth": self.growths(),
            "failures": self.failures, "clean": self.is_clean(),
        });
        Ok(serde_json::to_string_pretty(&report)? + "\n")
    }

    /// For scenarios that grow something: with which power of it each figure grows.
    fn growths(&self) -> BTreeMap<&'static str, BTreeMap<&'static str, f64>> {
        const NAMES: [&str; 4] = ["deliveries_per_s", "latency_p50_ms", "cpu_us_per_delivery", "server_rss_mib"];
        let mut growths = BTreeMap::new();
        for scenario in Scenario::all() {
            let own = self.rows.iter().filter(|row| row.0 == *scenario);
            let points: Vec<Figures> =
                own.map(|row| Figures::median(&row.2)).filter(|row| row.get("n").is_some()).collect();
            if points.len() < 2 {
                continue;
            }
            let power = |name: &'static str| {
                let pairs: Vec<_> = points.iter().filter_map(|row| Some((row.get("n")?, row.get(name)?))).collect();
                (name, exponent(&pairs))
            };
            growths.insert(scenario.name(), NAMES.into_iter().map(power).collect());
        }
        growths
    }
}

/// The slope of the straight line through the logarithms.
fn exponent(pairs: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = pairs.iter().map(|(x, y)| (x.ln(), y.max(1e-9).ln())).collect();
    let count = logs.len() as f64;
    let (mean_x, mean_y) =
        (logs.iter().map(|l| l.0).sum::<f64>() / count, logs.iter().map(|l| l.1).sum::<f64>() / count);
    let covariance: f64 = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    covariance / logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum::<f64>()
}

fn cell(figures: &Figures, names: &[&str]) -> String {
    let values: Vec<String> = names.iter().filter_map(|name| figures.get(name)).map(number).collect();
    if values.is_empty() { "–".to_owned() } else { values.join(" / ") }
}

fn number(value: f64) -> String {
    match value.abs() {
        ..0.005 => "0".to_owned(),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn fault_text(faults: Faults) -> String {
    let Faults { gaps, undelivered, duplicates, out_of_order, broken_offsets, misrouted, disagreements } = faults;
    if faults.is_clean() {
        return "0".to_owned();
    }
    format!(
        "**gaps {gaps}, undelivered {undelivered}, duplicates {duplicates}, out_of_order {out_of_order}, \
         broken_offsets {broken_offsets}, misrouted {misrouted}, disagreements {disagreements}**"
    )
}

fn summary(figures: &Figures) -> String {
    let values: Vec<String> = figures.values.iter().map(|(name, value)| format!("{name} {}", number(*value))).collect();
    format!("{}, faults {}", values.join(", "), fault_text(figures.faults))
}
