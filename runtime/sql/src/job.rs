//! A script to a job: statements run in order against a catalog and options;
//! all INSERTs together make one job.

use crate::catalog::Catalog;
use crate::explain;
use crate::expr::ExprContext;
use crate::lower::lower;
use crate::parser::{Explained, Located, Statement, parse_script};
use crate::plan::optimize::optimize;
use crate::plan::prune::prune;
use crate::plan::query::{Names, Planner};
use crate::plan::sink::{self, SinkPlan};
use crate::position::Position;
use streamjob_core::error::ErrorExt;
use streamjob_core::options::{Options, find};
use streamjob_core::{Error, Result};
use streamjob_engine::{Connectors, JobGraph};

/// A script, planned.
pub struct PlannedJob {
    /// What runs.
    pub graph: JobGraph,
    /// The options at the end of the script, the manifest's on top.
    pub options: Options,
    /// For the log: options without effect, old names, statements that do nothing here.
    pub warnings: Vec<String>,
    /// Tables that are written, one per INSERT.
    pub sinks: Vec<String>,
    /// Tables that are read, each once.
    pub sources: Vec<String>,
    /// True when every source ends by itself.
    pub bounded: bool,
    /// The plan and the graph, for people.
    pub explain: String,
    /// `pipeline.name`, if it is set.
    pub name: Option<String>,
}

/// What planning needs to know.
pub struct PlanContext<'a> {
    /// The known connectors.
    pub connectors: &'a dyn Connectors,
    /// The manifest's options; they win over SET.
    pub options: Options,
    /// When above 0, the time that CURRENT_TIMESTAMP and its like always give
    /// (milliseconds since the epoch); 0 for the clock.
    pub now_ms: i64,
}

/// Plans a script. Errors (User) carry line and column.
pub fn plan_script(sql: &str, ctx: &PlanContext<'_>) -> Result<PlannedJob> {
    with_room(|| {
        let mut session = Session::new(ctx);
        for located in parse_script(sql)? {
            session.run(&located)?;
        }
        session.finish()
    })
}

/// What a script's EXPLAIN statements say; without any, the plan of its job.
pub fn explain_script(sql: &str, ctx: &PlanContext<'_>) -> Result<String> {
    with_room(|| {
        let mut session = Session::new(ctx);
        for located in parse_script(sql)? {
            session.run(&located)?;
        }
        if session.explained.is_empty() {
            return Ok(session.finish()?.explain);
        }
        Ok(session.explained.join("\n"))
    })
}

/// Bytes of stack for planning, used only as far as needed: it descends into what the parser has bounded
/// ([`crate::parser::MAX_OPERATORS`]), some kilobytes a level.
const STACK: usize = 64 << 20;

fn with_room<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("planner".into()).stack_size(STACK).spawn_scoped(scope, work);
        let thread = thread.transient("cannot start a thread")?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

struct Session<'a> {
    ctx: &'a PlanContext<'a>,
    catalog: Catalog,
    /// What SET said.
    set: Options,
    warnings: Vec<String>,
    inserts: Vec<SinkPlan>,
    explained: Vec<String>,
}

impl<'a> Session<'a> {
    fn new(ctx: &'a PlanContext<'a>) -> Self {
        Self {
            ctx,
            catalog: Catalog::default(),
            set: Options::default(),
            warnings: Vec::new(),
            inserts: Vec::new(),
            explained: Vec::new(),
        }
    }

    /// SET with the manifest's options on top.
    fn options(&self) -> Result<Options> {
        let mut options = self.set.clone();
        for (key, value) in self.ctx.options.iter() {
            options.set(key, value)?;
        }
        Ok(options)
    }

    fn run(&mut self, located: &Located) -> Result<()> {
        let at = located.position;
        match &located.statement {
            Statement::Set { key, value } => return self.set(key, value, at),
            Statement::Reset(None) => self.set.reset_all(),
            Statement::Reset(Some(key)) => self.set.reset(key),
            Statement::Drop { view, name, if_exists } => return self.catalog.drop(*view, name, *if_exists),
            _ => {}
        }
        let options = self.options()?;
        let ctx = ExprContext { options: &options, start_time_ms: self.ctx.now_ms };
        match &located.statement {
            Statement::CreateTable(table) => self.catalog.create_table(table, &ctx, at)?,
            Statement::CreateView(view) => self.catalog.create_view(view, ctx)?,
            Statement::Insert(insert) => {
                let plan = optimized(sink::plan(&self.planner(ctx), self.ctx.connectors, insert)?)?;
                self.inserts.push(plan);
            }
            Statement::Explain(Explained::Query(query)) => {
                let mut rel = optimize(&self.planner(ctx).query(query, &Names::new())?)?;
                prune(&mut [&mut rel])?;
                self.explained.push(explain::query(&rel, &options));
            }
            Statement::Explain(Explained::Inserts(inserts)) => {
                let mut plans = inserts
                    .iter()
                    .map(|i| optimized(sink::plan(&self.planner(ctx), self.ctx.connectors, i)?))
                    .collect::<Result<Vec<_>>>()?;
                narrow(&mut plans)?;
                let lowered = lower(&plans, self.ctx.connectors, &options)?;
                self.explained.push(format!(
                    "{}\n{}",
                    explain::plans(&plans),
                    explain::graph(&lowered.graph, &options)
                ));
            }
            Statement::Query(_) => {
                return Err(at
                    .error("a query at the top of a script has no sink for its rows")
                    .fix("INSERT INTO a table with 'connector' = 'print'"));
            }
            Statement::Set { .. } | Statement::Reset(_) | Statement::Drop { .. } => {}
        }
        Ok(())
    }

    fn planner<'p>(&'p self, ctx: ExprContext<'p>) -> Planner<'p> {
        Planner { catalog: &self.catalog, ctx }
    }

    fn set(&mut self, key: &str, value: &str, at: Position) -> Result<()> {
        if let Some(warning) = self.set.set(key, value).map_err(|e| at.locate(e))? {
            self.warnings.push(format!("{at}: {warning}"));
        }
        if let Some(def) = find(key)
            && let Some(winner) = self.ctx.options.explicit(def.key)
            && winner != value
        {
            self.warnings
                .push(format!("{at}: SET '{key}' = '{value}' has no effect: the manifest or --set has '{winner}'"));
        }
        if !self.inserts.is_empty() {
            self.warnings.push(format!("{at}: SET '{key}' stands behind an INSERT but counts for the whole job"));
        }
        Ok(())
    }

    fn finish(mut self) -> Result<PlannedJob> {
        if self.inserts.is_empty() {
            let error = Error::user("the script has no INSERT statement, so there is no job");
            if !self.explained.is_empty() {
                return Err(error.fix("to see what EXPLAIN says, use `streamjob explain`"));
            }
            return Err(error.fix("add INSERT INTO … SELECT …; to see rows, into a table with 'connector' = 'print'"));
        }
        let options = self.options()?;
        narrow(&mut self.inserts)?;
        let lowered = lower(&self.inserts, self.ctx.connectors, &options)?;
        let mut explain = explain::plans(&self.inserts);
        explain.push('\n');
        explain.push_str(&explain::graph(&lowered.graph, &options));
        Ok(PlannedJob {
            name: options.explicit("pipeline.name").map(str::to_string),
            graph: lowered.graph,
            warnings: self.warnings,
            sinks: lowered.sinks,
            sources: lowered.sources,
            bounded: lowered.bounded,
            explain,
            options,
        })
    }
}

fn optimized(plan: SinkPlan) -> Result<SinkPlan> {
    Ok(SinkPlan { rel: optimize(&plan.rel)?, ..plan })
}

fn narrow(plans: &mut [SinkPlan]) -> Result<()> {
    prune(&mut plans.iter_mut().map(|p| &mut p.rel).collect::<Vec<_>>())
}
