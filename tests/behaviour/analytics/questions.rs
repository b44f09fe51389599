//! The questions that come with the service, `scripts/analytics/*.sql`: their answers on the made-up history, against what its
//! model says.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use chrono::{DateTime, SubsecRound, Timelike, Utc};

use super::model::{FROM_MS, HOUR_MS, History, PRICES, Run, Step, ask, moment};

type Rows = Vec<Vec<String>>;
/// Works out what the answer has to be.
type Expect = fn(&History) -> Rows;

const QUESTIONS: [(&str, Expect); 16] = [
    ("busiest_hours", busiest_hours),
    ("cost_by_day", cost_by_day),
    ("events_by_type", events_by_type),
    ("failing_steps", failing_steps),
    ("failure_causes", failure_causes),
    ("heavy_users", heavy_users),
    ("invalid_answers", invalid_answers),
    ("last_day_of_events", last_day_of_events),
    ("latency_by_day", latency_by_day),
    ("popular_topics", popular_topics),
    ("resumes_by_transport", resumes_by_transport),
    ("returning_users", returning_users),
    ("slowest_runs", slowest_runs),
    ("step_durations", step_durations),
    ("taken_over_runs", taken_over_runs),
    ("throughput_by_hour", throughput_by_hour),
];

#[tokio::test]
async fn every_question_is_answered_as_the_history_has_it() {
    let history = History::shared().await;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/analytics");
    let mut asked = BTreeSet::new();
    for entry in std::fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "sql") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let (_, expected) = QUESTIONS.into_iter().find(|(known, _)| *known == name).expect("a question is known here");
        let sql = std::fs::read_to_string(&path).unwrap();
        let said: Vec<&str> = sql.lines().map_while(|line| line.strip_prefix("-- ")).collect();
        assert!(said.join(" ").contains('?'), "{name} says what it answers");
        let answer = ask(&history.analyst(), &sql).await;
        assert_same(&name, &answer, &expected(history));
        asked.insert(name);
    }
    assert_eq!(asked.len(), QUESTIONS.len(), "every question is there");
}

/// The same rows in the same order; numbers to nine digits.
fn assert_same(name: &str, answer: &Rows, expected: &Rows) {
    assert!(!expected.is_empty(), "{name} is a question about something");
    for (place, (is, wanted)) in answer.iter().zip(expected).enumerate() {
        let same = is.len() == wanted.len() && is.iter().zip(wanted).all(|(is, wanted)| same(is, wanted));
        assert!(same, "{name}, row {place}: {is:?}, expected {wanted:?}");
    }
    assert_eq!(answer.len(), expected.len(), "{name}");
}

fn same(is: &str, wanted: &str) -> bool {
    match (is.parse::<f64>(), wanted.parse::<f64>()) {
        (Ok(is), Ok(wanted)) => (is - wanted).abs() <= 1e-9 * is.abs().max(1.0),
        _ => is == wanted,
    }
}

/// Interpolated between neighbours, as `percentile_cont` is.
pub(super) fn percentile(values: impl IntoIterator<Item = f64>, fraction: f64) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let place = fraction * values.len().checked_sub(1)? as f64;
    let (low, high) = (values[place.floor() as usize], values[place.ceil() as usize]);
    Some(low + (high - low) * place.fract())
}

/// As PostgreSQL writes it.
fn time(moment: DateTime<Utc>) -> String {
    let seconds = moment.format("%Y-%m-%d %H:%M:%S");
    match moment.trunc_subsecs(3).nanosecond() / 1_000_000 {
        0 => format!("{seconds}+00"),
        millis => format!("{seconds}.{}+00", format!("{millis:03}").trim_end_matches('0')),
    }
}

fn hour(ms: i64) -> i64 {
    ms.div_euclid(HOUR_MS)
}

fn day(ms: i64) -> String {
    moment(ms).format("%Y-%m-%d").to_string()
}

fn text(value: impl ToString) -> String {
    value.to_string()
}

fn maybe(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, text)
}

fn percent(part: usize, of: usize) -> String {
    // To two digits, half away from zero.
    text((part as f64 * 1e4 / of as f64).round() / 100.0)
}

fn how_many<'a>(runs: impl IntoIterator<Item = &'a &'a Run>, status: &str) -> usize {
    runs.into_iter().filter(|run| run.is(status)).count()
}

fn throughput_by_hour(history: &History) -> Rows {
    let by_hour = history.by(|run| hour(run.started_ms));
    let (first, last) = (by_hour.keys().next().unwrap(), by_hour.keys().next_back().unwrap());
    let row = |hour: i64| {
        let runs = by_hour.get(&hour).map_or(&[][..], Vec::as_slice);
        let count = |status| text(how_many(runs, status));
        let (completed, failed, cancelled) = (count("completed"), count("failed"), count("cancelled"));
        vec![time(moment(hour * HOUR_MS)), text(runs.len()), completed, failed, cancelled, count("running")]
    };
    (*first..=*last).map(row).collect()
}

fn latency_by_day(history: &History) -> Rows {
    let row = |(day, runs): (String, Vec<&Run>)| {
        let mut cells = vec![format!("{day} 00:00:00+00"), text(runs.len())];
        let times: [fn(&Run) -> Option<f64>; 3] =
            [Run::queue_wait_ms, |run| Some(run.first_event_ms()), Run::duration_ms];
        for time in times {
            for fraction in [0.5, 0.95] {
                cells.push(maybe(percentile(runs.iter().filter_map(|run| time(run)), fraction)));
            }
        }
        cells
    };
    history.by(|run| day(run.started_ms)).into_iter().map(row).collect()
}

fn slowest_runs(history: &History) -> Rows {
    let mut runs: Vec<&Run> = history.runs.iter().filter(|run| run.is("completed") && run.producer.is_none()).collect();
    runs.sort_by_key(|run| (Reverse(run.ended_ms.unwrap() - run.started_ms), run.id));
    let row = |run: &&Run| {
        let (duration, waited) = (maybe(run.duration_ms()), maybe(run.queue_wait_ms()));
        vec![text(run.id), text(run.topic), maybe(run.model), duration, waited, text(run.events.len())]
    };
    runs.iter().take(20).map(row).collect()
}

fn failure_causes(history: &History) -> Rows {
    let mut causes: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for run in &history.runs {
        if let Some(failure) = run.failure {
            causes.entry(failure.cause).or_default().push(run.ended_ms.unwrap());
        }
    }
    let all: usize = causes.values().map(Vec::len).sum();
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|(cause, times)| (Reverse(times.len()), *cause));
    let row = |(cause, times): &(&str, Vec<i64>)| {
        vec![text(cause), text(times.len()), percent(times.len(), all), time(moment(*times.iter().max().unwrap()))]
    };
    causes.iter().map(row).collect()
}

fn failing_steps(history: &History) -> Rows {
    let mut steps: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for run in &history.runs {
        if let Some(step) = run.failure.and_then(|failure| failure.step) {
            let (runs, taken_over) = steps.entry((run.model.unwrap(), step)).or_default();
            *runs += 1;
            *taken_over += usize::from(run.attempts > 1);
        }
    }
    let mut steps: Vec<_> = steps.into_iter().collect();
    steps.sort_by_key(|(key, (runs, _))| (Reverse(*runs), *key));
    let row = |((model, step), (runs, taken_over)): &((&str, &str), (usize, usize))| {
        vec![text(model), text(step), text(runs), text(taken_over)]
    };
    steps.iter().map(row).collect()
}

fn steps(history: &History) -> impl Iterator<Item = Step> {
    history.events().filter_map(|(_, event)| event.step)
}

fn step_durations(history: &History) -> Rows {
    let mut groups: BTreeMap<(&str, &str), Vec<Step>> = BTreeMap::new();
    for step in steps(history) {
        groups.entry((step.model, step.name)).or_default().push(step);
    }
    let row = |((model, name), steps): (&(&str, &str), &Vec<Step>)| {
        let durations = |fraction| maybe(percentile(steps.iter().map(|step| step.duration_ms as f64), fraction));
        let tokens: u64 = steps.iter().map(|step| step.completion_tokens).sum();
        let average = tokens as f64 / steps.len() as f64;
        vec![text(model), text(name), text(steps.len()), durations(0.5), durations(0.95), text(average)]
    };
    groups.iter().map(row).collect()
}

fn invalid_answers(history: &History) -> Rows {
    let mut models: BTreeMap<&str, (usize, usize, u32)> = BTreeMap::new();
    for step in steps(history) {
        let (steps, retried, further) = models.entry(step.model).or_default();
        *steps += 1;
        *retried += usize::from(step.tries > 1);
        *further += step.tries - 1;
    }
    let row = |(model, (steps, retried, further)): (&str, (usize, usize, u32))| {
        vec![text(model), text(steps), percent(retried, steps), text(further)]
    };
    models.into_iter().map(row).collect()
}

fn popular_topics(history: &History) -> Rows {
    let same = |topic: &str| topic.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let mut topics: Vec<_> = history.by(|run| same(run.topic)).into_iter().collect();
    topics.sort_by_key(|(topic, runs)| (Reverse(runs.len()), topic.clone()));
    let row = |(topic, runs): &(String, Vec<&Run>)| {
        let users: BTreeSet<_> = runs.iter().map(|run| run.user).collect();
        vec![topic.clone(), text(runs.len()), text(users.len()), percent(how_many(runs, "completed"), runs.len())]
    };
    topics.iter().take(20).map(row).collect()
}

fn heavy_users(history: &History) -> Rows {
    let tokens = |runs: &[&Run]| runs.iter().map(|run| run.prompt_tokens + run.completion_tokens).sum::<u64>();
    let mut users: Vec<_> = history.by(|run| run.user).into_iter().collect();
    users.sort_by_key(|(user, runs)| (Reverse(tokens(runs)), *user));
    let row = |(user, runs): &(uuid::Uuid, Vec<&Run>)| {
        let courses = runs.iter().filter(|run| run.course.is_some()).count();
        vec![text(user), text(runs.len()), text(courses), text(tokens(runs))]
    };
    users.iter().take(20).map(row).collect()
}

fn returning_users(history: &History) -> Rows {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for runs in history.by(|run| run.user).values() {
        let days: BTreeSet<String> = runs.iter().map(|run| day(run.started_ms)).collect();
        *counts.entry(days.len()).or_default() += 1;
    }
    counts.into_iter().map(|(days, users)| vec![text(days), text(users)]).collect()
}

fn cost_by_day(history: &History) -> Rows {
    let mut days: BTreeMap<(String, Option<&str>), (usize, f64)> = BTreeMap::new();
    for run in &history.runs {
        let held = PRICES.iter().filter(|price| Some(price.model) == run.model && price.from_ms <= run.started_ms);
        let price = held.max_by_key(|price| price.from_ms);
        let (runs, cost) = days.entry((day(run.started_ms), price.map(|price| price.currency))).or_default();
        *runs += 1;
        if let Some(price) = price {
            *cost +=
                run.prompt_tokens as f64 * price.prompt / 1e6 + run.completion_tokens as f64 * price.completion / 1e6;
        }
    }
    let mut days: Vec<_> = days.into_iter().collect();
    // Those without a price stand last.
    days.sort_by(|((day, currency), _), ((other_day, other), _)| {
        (day, currency.is_none(), currency).cmp(&(other_day, other.is_none(), other))
    });
    let row = |((day, currency), (runs, cost)): ((String, Option<&str>), (usize, f64))| {
        vec![day, maybe(currency), text(runs), maybe(currency.map(|_| cost))]
    };
    days.into_iter().map(row).collect()
}

/// Milliseconds of every start and end, with what was open from then on.
pub(super) fn open_from(history: &History) -> BTreeMap<i64, i64> {
    let mut changes: BTreeMap<i64, i64> = BTreeMap::new();
    for run in &history.runs {
        *changes.entry(run.started_ms).or_default() += 1;
        if let Some(ended) = run.ended_ms {
            *changes.entry(ended).or_default() -= 1;
        }
    }
    let mut open = 0;
    for change in changes.values_mut() {
        open += *change;
        *change = open;
    }
    changes
}

fn busiest_hours(history: &History) -> Rows {
    let open_from = open_from(history);
    let last = hour(*open_from.keys().next_back().unwrap());
    let row = |hour: i64| {
        let (from, to) = (hour * HOUR_MS, (hour + 1) * HOUR_MS);
        let before = open_from.range(..=from).next_back().map_or(0, |(_, open)| *open);
        let mut points = vec![(from, before)];
        points.extend(open_from.range(from + 1..to).map(|(at, open)| (*at, *open)));
        let most = points.iter().map(|(_, open)| *open).max().unwrap();
        let ends = points.iter().skip(1).map(|(at, _)| *at).chain([to]);
        let sum: i64 = points.iter().zip(ends).map(|((at, open), end)| open * (end - at)).sum();
        (Reverse(most), hour, sum as f64 / HOUR_MS as f64)
    };
    let mut hours: Vec<_> = (hour(FROM_MS)..=last).map(row).collect();
    hours.sort_by_key(|(most, hour, _)| (*most, *hour));
    let cells = |(most, hour, average): &(Reverse<i64>, i64, f64)| {
        vec![time(moment(hour * HOUR_MS)), text(most.0), text(average)]
    };
    hours.iter().take(10).map(cells).collect()
}

fn by_type<'a>(kinds: impl Iterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut types: BTreeMap<&str, usize> = BTreeMap::new();
    for kind in kinds {
        *types.entry(kind).or_default() += 1;
    }
    let mut types: Vec<_> = types.into_iter().collect();
    types.sort_by_key(|(kind, events)| (Reverse(*events), *kind));
    types
}

fn events_by_type(history: &History) -> Rows {
    let runs = history.runs.len() as f64;
    let types = by_type(history.events().map(|(_, event)| event.kind));
    types.into_iter().map(|(kind, events)| vec![text(kind), text(events), text(events as f64 / runs)]).collect()
}

fn last_day_of_events(history: &History) -> Rows {
    let last = history.runs.iter().map(|run| run.started_ms).max().unwrap();
    let recent = history.events().filter(|(_, event)| (last - 24 * HOUR_MS..=last).contains(&event.at_ms));
    by_type(recent.map(|(_, event)| event.kind))
        .into_iter()
        .map(|(kind, events)| vec![text(kind), text(events)])
        .collect()
}

fn taken_over_runs(history: &History) -> Rows {
    let groups = history.by(|run| (run.attempts, run.status));
    let taken_over = groups.into_iter().filter(|((attempts, _), _)| *attempts > 1);
    taken_over.map(|((attempts, status), runs)| vec![text(attempts), text(status), text(runs.len())]).collect()
}

fn resumes_by_transport(history: &History) -> Rows {
    let mut transports: BTreeMap<&str, (usize, usize, usize, u64, usize)> = BTreeMap::new();
    for run in &history.runs {
        let mut own: BTreeMap<&str, (usize, u64, usize)> = BTreeMap::new();
        for join in &run.joins {
            let (resumes, replayed, joins) = own.entry(join.transport).or_default();
            *resumes += usize::from(join.last_seen > 0);
            *replayed += join.replayed;
            *joins += 1;
        }
        for (transport, (resumes, replayed, joins)) in own {
            let sums = transports.entry(transport).or_default();
            sums.0 += 1;
            sums.1 += usize::from(resumes > 0);
            sums.2 += resumes;
            sums.3 += replayed;
            sums.4 += joins;
        }
    }
    let row =
        |(transport, (sessions, resumed, resumes, replayed, joins)): (&str, (usize, usize, usize, u64, usize))| {
            let average = replayed as f64 / joins as f64;
            vec![text(transport), text(sessions), percent(resumed, sessions), text(resumes), text(average)]
        };
    transports.into_iter().map(row).collect()
}
