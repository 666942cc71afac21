//! From a prepared job to its plan, for `run`, `explain` and `validate`.

use crate::args::JobArgs;
use crate::log;
use crate::reference::print;
use crate::report::Failure;
use crate::settings::{self, PLANNED_MS, Prepared, s3_config};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use streamjob_checkpoint::{S3Config, S3Store};
use streamjob_connectors::{ConnectorConfig, StandardConnectors};
use streamjob_core::Result;
use streamjob_core::options::Options;
use streamjob_core::table::TableDef;
use streamjob_engine::{Connectors, SinkFactory, SourceFactory};
use streamjob_sql::{PlanContext, PlannedJob, explain_script, plan_script};

/// The standard connectors; remembers which table uses which.
pub struct Recorder {
    inner: StandardConnectors,
    s3: Arc<Mutex<S3Config>>,
    seen: Mutex<BTreeMap<String, String>>,
}

impl Recorder {
    /// Connectors that print without tearing the live line.
    pub fn new(options: &Options) -> Result<Self> {
        let s3 = Arc::new(Mutex::new(s3_config(options)?));
        let mut config = ConnectorConfig::default();
        let present = s3.clone();
        config.open_bucket = Arc::new(move |bucket| {
            let s3 = present.lock().map(|s| s.clone()).unwrap_or_default();
            Ok(Arc::new(S3Store::open(bucket, "", &s3)?))
        });
        let output = config.output.clone();
        config.output = Arc::new(move |text| log::without_live_line(|| output(text)));
        config.error_output =
            Arc::new(|text| log::without_live_line(|| std::io::stderr().lock().write_all(text.as_bytes())));
        Ok(Self { inner: StandardConnectors::new(config), s3, seen: Mutex::new(BTreeMap::new()) })
    }

    /// From now on buckets are reached by these options: those of the script are known only once it is planned.
    pub fn use_options(&self, options: &Options) -> Result<()> {
        let s3 = s3_config(options)?;
        if let Ok(mut present) = self.s3.lock() {
            *present = s3;
        }
        Ok(())
    }

    fn note(&self, table: &TableDef) {
        if let (Ok(mut seen), Some(connector)) = (self.seen.lock(), table.options.get("connector")) {
            seen.insert(table.name.clone(), connector.to_string());
        }
    }

    /// `name (connector)` of each table, by comma.
    pub fn describe(&self, tables: &[String]) -> String {
        let seen = self.seen.lock().map(|s| s.clone()).unwrap_or_default();
        let one = |name: &String| match seen.get(name) {
            Some(connector) => format!("{name} ({connector})"),
            None => name.clone(),
        };
        tables.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

impl Connectors for Recorder {
    fn source(&self, table: &TableDef) -> Result<Arc<dyn SourceFactory>> {
        self.note(table);
        self.inner.source(table)
    }

    fn sink(&self, table: &TableDef) -> Result<Arc<dyn SinkFactory>> {
        self.note(table);
        self.inner.sink(table)
    }
}

fn context<'a>(prepared: &Prepared, connectors: &'a Recorder) -> PlanContext<'a> {
    PlanContext { connectors, options: prepared.options.clone(), now_ms: PLANNED_MS }
}

/// Plans a prepared job; errors name the file.
pub fn plan(args: &JobArgs, prepared: &Prepared, connectors: &Recorder) -> Result<PlannedJob> {
    plan_script(&prepared.sql, &context(prepared, connectors)).map_err(|e| e.context(script(args)))
}

/// What lines and columns of the script are counted in.
fn script(args: &JobArgs) -> String {
    let file = args.file.display();
    let is_sql = args.file.extension().is_some_and(|e| e.eq_ignore_ascii_case("sql"));
    if is_sql { file.to_string() } else { format!("{file}: spec.job.sql") }
}

/// `explain`.
pub fn explain(args: &JobArgs) -> Result<(), Failure> {
    let prepared = settings::prepare(args)?;
    let connectors = Recorder::new(&prepared.options)?;
    let mut text =
        explain_script(&prepared.sql, &context(&prepared, &connectors)).map_err(|e| e.context(script(args)))?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(print(&text)?)
}

/// `validate`: everything that `run` checks before it looks at storage.
pub fn validate(args: &JobArgs) -> Result<(), Failure> {
    let prepared = settings::prepare(args)?;
    let connectors = Recorder::new(&prepared.options)?;
    let planned = plan(args, &prepared, &connectors)?;
    let mut warnings = prepared.warnings.clone();
    warnings.extend(planned.warnings.clone());
    let line = format!(
        "ok: {}: {} → {}\n",
        args.file.display(),
        connectors.describe(&planned.sources),
        connectors.describe(&planned.sinks)
    );
    prepared.check(planned, &mut warnings)?;
    for warning in warnings {
        log::note(&format!("warning: {warning}"));
    }
    Ok(print(&line)?)
}
