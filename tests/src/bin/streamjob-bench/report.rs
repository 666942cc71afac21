//! What was measured: one table for people, one JSON file to compare runs by.

use serde_json::{Value, json};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result};

/// One figure.
pub struct Figure {
    /// Bench and case: `kill/folder/restarted`.
    pub name: String,
    /// What the value is: `kill to first new row`.
    pub what: String,
    /// All measured values, in order.
    pub values: Vec<f64>,
    /// Their unit.
    pub unit: &'static str,
    /// At most (or, for ratios, at least) this is wanted.
    pub goal: Option<f64>,
}

impl Figure {
    /// The middle one; the lower of two.
    pub fn median(&self) -> f64 {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
    }
}

/// All figures of a run.
pub struct Report {
    begun: u64,
    load: String,
    figures: Vec<Figure>,
}

impl Report {
    /// An empty one; notes how busy the machine is.
    pub fn begin() -> Self {
        let begun = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or_default().to_string();
        println!("machine: {}, load {load} before the first bench", machine());
        Self { begun, load, figures: Vec::new() }
    }

    /// Says what a bench does.
    pub fn settings(&self, bench: &str, text: &str) {
        println!("\n== {bench}: {text}");
    }

    /// Adds a figure.
    pub fn add(&mut self, name: &str, what: &str, unit: &'static str, values: Vec<f64>, goal: Option<f64>) {
        let figure = Figure { name: name.to_string(), what: what.to_string(), values, unit, goal };
        let all: Vec<String> = figure.values.iter().map(|v| number(*v)).collect();
        println!("{:<28} {:<44} {} {unit}", figure.name, figure.what, all.join(" "));
        self.figures.push(figure);
    }

    /// The table.
    pub fn print(&self) {
        println!("\n| bench | what | median | all | goal |\n|---|---|---|---|---|");
        for f in &self.figures {
            let all: Vec<String> = f.values.iter().map(|v| number(*v)).collect();
            let goal = f.goal.map_or_else(String::new, |g| format!("{} {}", number(g), f.unit));
            let (name, what, median) = (&f.name, &f.what, number(f.median()));
            println!("| {name} | {what} | {median} {} | {} | {goal} |", f.unit, all.join(", "));
        }
    }

    /// The file.
    pub fn write(&self, path: &Path) -> Result<()> {
        let figures: Vec<Value> = self
            .figures
            .iter()
            .map(|f| {
                json!({ "name": f.name, "what": f.what, "unit": f.unit, "median": f.median(), "values": f.values,
                        "goal": f.goal })
            })
            .collect();
        let all = json!({ "begun": self.begun, "machine": machine(), "load": self.load, "figures": figures });
        std::fs::write(path, format!("{all:#}\n")).transient(format!("cannot write {}", path.display()))?;
        println!("\nfigures are in {}", path.display());
        Ok(())
    }
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory.split_whitespace().nth(1).and_then(|w| w.parse::<u64>().ok()).unwrap_or(0);
    format!("{cores} cores, {} GiB", (kib + (1 << 19)) >> 20)
}

fn number(value: f64) -> String {
    if value.abs() >= 100.0 {
        format!("{value:.0}")
    } else if value.abs() >= 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

/// Prints the medians of two files side by side.
pub fn compare(old: &Path, new: &Path) -> Result<()> {
    let read = |path: &Path| -> Result<Vec<(String, f64)>> {
        let text = std::fs::read_to_string(path).user(format!("cannot read {}", path.display()))?;
        let all: Value = serde_json::from_str(&text).user(format!("{} is no JSON", path.display()))?;
        let figures = all.get("figures").and_then(Value::as_array);
        let figures = figures.ok_or_else(|| Error::user(format!("{} holds no figures", path.display())))?;
        let one = |f: &Value| {
            let text = |key: &str| f.get(key).and_then(Value::as_str).unwrap_or_default().to_string();
            let median = f.get("median").and_then(Value::as_f64).unwrap_or(f64::NAN);
            (format!("{} · {} [{}]", text("name"), text("what"), text("unit")), median)
        };
        Ok(figures.iter().map(one).collect())
    };
    let (old, new) = (read(old)?, read(new)?);
    println!("| figure | old | new | new / old |\n|---|---|---|---|");
    for (name, now) in &new {
        let before = old.iter().find(|(n, _)| n == name).map(|(_, v)| *v);
        let (was, ratio) = before.map_or(("–".into(), "–".into()), |b| (number(b), number(now / b)));
        println!("| {name} | {was} | {} | {ratio} |", number(*now));
    }
    Ok(())
}
