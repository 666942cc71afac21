//! Plans to a job graph: operators with their configuration, exchanges, and the
//! uids under which state is found again.

mod narrow;
mod uid;

use crate::catalog::Table;
use crate::expr::Zone;
use crate::plan::changelog::changes;
use crate::plan::monotone::monotonic_calls;
use crate::plan::reuse::{Class, Reuse};
use crate::plan::sink::SinkPlan;
use crate::plan::{Call, Node as Plan, Rel, Window, WindowOf, text};
use crate::values::ValuesFactory;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use streamjob_core::options::Options;
use streamjob_core::{Error, OperatorUid, Result};
use streamjob_engine::operators::{
    AggCall, Calc, GroupAggregate, LocalZone, NotNullEnforcer, SinkGuard, Union, WatermarkAssigner, WatermarkColumn,
    WindowAggregate, WindowOutput, WindowSource, WindowTvf,
};
use streamjob_engine::{Connectors, Edge, Exchange, JobGraph, Node, NodeId, NodeKind, OperatorFactory, Projected};
use uid::{Uids, hashed, of_state};

/// A job graph and what it reads and writes.
#[derive(Default)]
pub struct Lowered {
    /// The graph.
    pub graph: JobGraph,
    /// Tables that are read, each once.
    pub sources: Vec<String>,
    /// Tables that are written, one per INSERT.
    pub sinks: Vec<String>,
    /// True when every source ends by itself.
    pub bounded: bool,
}

/// Makes one job graph of all INSERTs.
pub fn lower<'a>(sinks: &'a [SinkPlan], connectors: &'a dyn Connectors, options: &'a Options) -> Result<Lowered> {
    let reuse = Reuse::of_sinks(sinks);
    let mut lowering = Lowering {
        out: Lowered { bounded: true, ..Lowered::default() },
        uids: Uids::new(&reuse)?,
        reuse: &reuse,
        made: HashMap::new(),
        connectors,
        eager: sinks.iter().any(|s| s.rel.reads_watermark()),
        options,
    };
    for sink in sinks {
        lowering.options = &sink.options;
        lowering.sink(sink)?;
    }
    Ok(lowering.out)
}

/// A node that rows come from.
#[derive(Clone, Copy)]
struct Made {
    id: NodeId,
    /// Its number of subtasks, when not the job's.
    parallelism: Option<u32>,
}

struct Lowering<'a> {
    out: Lowered,
    reuse: &'a Reuse<'a>,
    /// What relations became, by their class.
    made: HashMap<usize, Made>,
    uids: Uids,
    connectors: &'a dyn Connectors,
    /// True when CURRENT_WATERMARK is read: each watermark must then be seen by the rows behind it.
    eager: bool,
    /// Those of the INSERT at hand.
    options: &'a Options,
}

impl Lowering<'_> {
    fn sink(&mut self, plan: &SinkPlan) -> Result<()> {
        let name = &plan.table.def.name;
        let needs_before = plan.needs_before();
        let mut input = self.rel(&plan.rel)?;
        let schema = plan.table.def.physical_schema();
        let not_null: Vec<usize> =
            schema.columns.iter().enumerate().filter(|(_, c)| !c.ty.nullable).map(|(i, _)| i).collect();
        let updating = changes(&plan.rel).update;
        let drop_update_before = updating && !needs_before;
        if !not_null.is_empty() || drop_update_before {
            let drop =
                self.options.text("table.exec.sink.not-null-enforcer").is_some_and(|v| v.eq_ignore_ascii_case("DROP"));
            let enforcer = if drop { NotNullEnforcer::Drop } else { NotNullEnforcer::Error };
            let guard = SinkGuard { schema: schema.clone(), not_null, enforcer, drop_update_before };
            let uid = self.uids.once(format!("guard-{name}"));
            input = self.operator(
                uid,
                format!("ConstraintEnforcer({name})"),
                Arc::new(guard),
                &plan.rel,
                input.parallelism,
                &[(input, Exchange::Forward)],
            );
        }
        let parallelism = plan.sink.parallelism().or(input.parallelism);
        let exchange = self.sink_exchange(plan, input, parallelism)?;
        let uid = self.uids.once(format!("sink-{name}"));
        let factory: Arc<dyn OperatorFactory> = Arc::clone(&plan.sink) as Arc<dyn OperatorFactory>;
        let made = self.operator(uid, format!("Sink: {name}"), factory, &plan.rel, parallelism, &[(input, exchange)]);
        if let Some(node) = self.out.graph.nodes.get_mut(made.id) {
            node.schema = streamjob_core::Schema::default();
        }
        self.out.sinks.push(name.clone());
        Ok(())
    }

    /// Changes of one key must reach the same subtask of the sink, in order, also when the job is rescaled
    /// and the sink, with a parallelism of its own, is not.
    fn sink_exchange(&self, plan: &SinkPlan, input: Made, parallelism: Option<u32>) -> Result<Exchange> {
        if parallelism == input.parallelism || changes(&plan.rel).insert_only() {
            return Ok(Exchange::Forward);
        }
        let (here, there) = (self.subtasks(input.parallelism), self.subtasks(parallelism));
        let def = &plan.table.def;
        let schema = def.physical_schema();
        let key: Vec<usize> = def.primary_key.iter().filter_map(|k| schema.index_of(k)).collect();
        if key.is_empty() && here != there && there != 1 {
            return Err(plan
                .table
                .position
                .error(format!(
                    "The sink for table '{}' has a configured parallelism of {there}, while the input parallelism is {here}. \
                     Since the configured parallelism is different from the input's parallelism and the changelog mode is \
                     not insert-only, a primary key is required but could not be found",
                    def.name,
                ))
                .fix("declare PRIMARY KEY (…) NOT ENFORCED, or remove sink.parallelism"));
        }
        Ok(Exchange::ForwardOrHash(key))
    }

    fn subtasks(&self, parallelism: Option<u32>) -> i64 {
        parallelism.map_or_else(|| default_parallelism(self.options), i64::from)
    }

    fn rel(&mut self, rel: &Rel) -> Result<Made> {
        let reuse = self.reuse;
        let (id, class) = reuse.class(rel).ok_or_else(|| Error::internal("a relation of no plan"))?;
        if let Some(made) = self.made.get(&id) {
            return Ok(*made);
        }
        let made = self.make(rel, class)?;
        self.made.insert(id, made);
        Ok(made)
    }

    fn make(&mut self, rel: &Rel, class: &Class<'_>) -> Result<Made> {
        let inputs = rel.inputs().into_iter().map(|i| self.rel(i)).collect::<Result<Vec<_>>>()?;
        let first = inputs.first().copied();
        let forward = || first.map(|i| (i, Exchange::Forward)).into_iter().collect::<Vec<_>>();
        let inherited = first.and_then(|i| i.parallelism);
        match &rel.node {
            Plan::Scan(table, columns) => self.scan(table, columns, rel, class),
            Plan::Values(rows) => {
                let uid = self.state_uid(rel, class)?;
                let factory = ValuesFactory { rows: rows.clone(), schema: rel.schema() };
                Ok(self.node(uid, "Values".into(), NodeKind::Source(Arc::new(factory)), rel, Some(1), &[]))
            }
            Plan::Calc { filter, exprs, .. } => {
                let calc = Calc {
                    filter: filter.as_ref().map(|f| Arc::clone(&f.expr)),
                    projections: exprs.iter().map(|e| Arc::clone(&e.expr)).collect(),
                    schema: rel.schema(),
                };
                let factory: Arc<dyn OperatorFactory> = match narrow::narrowed(&calc)? {
                    Some(narrowed) => Arc::new(narrowed),
                    None => Arc::new(calc),
                };
                self.stateless("calc", rel, factory, inherited, &forward())
            }
            Plan::Watermark { column, expr, idle_timeout_ms, .. } => {
                let idle = match idle_timeout_ms {
                    0 => self.options.duration("table.exec.source.idle-timeout").filter(|d| !d.is_zero()),
                    ms => Some(Duration::from_millis(*ms)),
                };
                let assigner = WatermarkAssigner {
                    time_column: *column,
                    expr: Arc::clone(&expr.expr),
                    interval: self
                        .options
                        .duration("pipeline.auto-watermark-interval")
                        .unwrap_or(Duration::from_millis(200)),
                    eager: self.eager,
                    idle_timeout: idle,
                };
                self.stateless("watermark", rel, Arc::new(assigner), inherited, &forward())
            }
            Plan::CurrentWatermark { .. } => {
                let (uid, column) = (self.state_uid(rel, class)?, WatermarkColumn { schema: rel.schema() });
                Ok(self.operator(uid, text::short(rel), Arc::new(column), rel, inherited, &forward()))
            }
            Plan::Union(parts) => {
                // Not by the numbers of subtasks: the job's changes without a new plan.
                let same = inputs.iter().all(|i| i.parallelism == inherited);
                let updating = parts.iter().any(|p| !changes(p).insert_only());
                let (parallelism, exchange) = match (same, updating) {
                    (true, _) => (inherited, Exchange::Forward),
                    // Rows of one key must stay in order: one subtask takes them all.
                    (false, true) => (Some(1), Exchange::Global),
                    (false, false) => (None, Exchange::Forward),
                };
                let wires: Vec<_> = inputs.into_iter().map(|i| (i, exchange.clone())).collect();
                let union = Union { schema: rel.schema() };
                self.stateless("union", rel, Arc::new(union), parallelism, &wires)
            }
            Plan::WindowTvf { window, time, .. } => {
                let tvf = WindowTvf {
                    time_column: *time,
                    window: window.spec(),
                    zone: self.zone(window)?,
                    schema: rel.schema(),
                };
                self.stateless("window", rel, Arc::new(tvf), inherited, &forward())
            }
            Plan::Aggregate { input, keys, calls, .. } => {
                let aggregate = GroupAggregate {
                    input: input.schema(),
                    schema: rel.schema(),
                    keys: keys.clone(),
                    aggs: calls
                        .iter()
                        .zip(monotonic_calls(rel)?)
                        .map(|(c, monotonic)| AggCall { monotonic, ..agg_call(c) })
                        .collect(),
                    generate_update_before: class.needs_before,
                    input_retracts: !changes(input).insert_only(),
                    state_ttl: self.options.duration("table.exec.state.ttl").filter(|d| !d.is_zero()),
                };
                self.keyed(rel, class, Arc::new(aggregate), keys, first)
            }
            Plan::WindowAggregate { input, window, source, keys, calls, .. } => {
                let source = match source {
                    WindowOf::Time(column) => WindowSource::Time { column: *column, window: window.spec() },
                    WindowOf::Attached { start, end, .. } => WindowSource::Attached { start: *start, end: *end },
                };
                let output = (0..keys.len())
                    .map(WindowOutput::Key)
                    .chain((0..calls.len()).map(WindowOutput::Agg))
                    .chain([WindowOutput::WindowStart, WindowOutput::WindowEnd, WindowOutput::WindowTime])
                    .collect();
                let aggregate = WindowAggregate {
                    input: input.schema(),
                    keys: keys.clone(),
                    source,
                    zone: self.zone(window)?,
                    aggs: calls.iter().map(agg_call).collect(),
                    output,
                    schema: rel.schema(),
                };
                self.keyed(rel, class, Arc::new(aggregate), keys, first)
            }
        }
    }

    fn scan(&mut self, table: &Arc<Table>, columns: &[usize], rel: &Rel, class: &Class<'_>) -> Result<Made> {
        let name = &table.def.name;
        let mut factory = self.connectors.source(&table.def).map_err(|e| table.position.locate(e))?;
        if columns.len() < table.def.physical_schema().columns.len() {
            factory = factory.project(columns).unwrap_or_else(|| Arc::new(Projected::new(factory, columns.to_vec())));
        }
        self.out.bounded = self.out.bounded && factory.bounded();
        let parallelism = factory.parallelism();
        let uid = self.state_uid(rel, class)?;
        if !self.out.sources.contains(name) {
            self.out.sources.push(name.clone());
        }
        Ok(self.node(uid, format!("Source: {name}"), NodeKind::Source(factory), rel, parallelism, &[]))
    }

    fn keyed(
        &mut self,
        rel: &Rel,
        class: &Class<'_>,
        factory: Arc<dyn OperatorFactory>,
        keys: &[usize],
        input: Option<Made>,
    ) -> Result<Made> {
        let input = input.ok_or_else(|| Error::internal("an aggregate without input"))?;
        let uid = self.state_uid(rel, class)?;
        // Without a key there is one group: more subtasks than one would only idle.
        let parallelism = keys.is_empty().then_some(1);
        Ok(self.operator(uid, text::short(rel), factory, rel, parallelism, &[(input, Exchange::Hash(keys.to_vec()))]))
    }

    fn stateless(
        &mut self,
        kind: &str,
        rel: &Rel,
        factory: Arc<dyn OperatorFactory>,
        parallelism: Option<u32>,
        inputs: &[(Made, Exchange)],
    ) -> Result<Made> {
        let below = rel.inputs().into_iter().map(Rel::digest).collect::<Result<Vec<_>>>()?;
        let uid = self.uids.once(hashed(kind, &format!("{}({})", text::describe(rel), below.join(")("))));
        Ok(self.operator(uid, text::short(rel), factory, rel, parallelism, inputs))
    }

    fn operator(
        &mut self,
        uid: OperatorUid,
        name: String,
        factory: Arc<dyn OperatorFactory>,
        rel: &Rel,
        parallelism: Option<u32>,
        inputs: &[(Made, Exchange)],
    ) -> Made {
        self.node(uid, name, NodeKind::Operator(factory), rel, parallelism, inputs)
    }

    fn node(
        &mut self,
        uid: OperatorUid,
        name: String,
        kind: NodeKind,
        rel: &Rel,
        parallelism: Option<u32>,
        inputs: &[(Made, Exchange)],
    ) -> Made {
        let id = self.out.graph.nodes.len();
        for (index, (input, exchange)) in inputs.iter().enumerate() {
            self.out.graph.edges.push(Edge { from: input.id, to: id, input: index, exchange: exchange.clone() });
        }
        self.out.graph.nodes.push(Node { uid, name, kind, parallelism, schema: rel.schema() });
        Made { id, parallelism }
    }

    fn state_uid(&mut self, rel: &Rel, class: &Class<'_>) -> Result<OperatorUid> {
        let base = of_state(rel)?.ok_or_else(|| Error::internal("a relation without state"))?;
        Ok(self.uids.stateful(base, class))
    }

    fn zone(&self, window: &Window) -> Result<Option<Arc<dyn LocalZone>>> {
        if !window.local {
            return Ok(None);
        }
        Ok(Some(Arc::new(SessionZone(Zone::session(self.options)?))))
    }
}

/// The subtasks that an operator has by default.
pub fn default_parallelism(options: &Options) -> i64 {
    let table = options.int("table.exec.resource.default-parallelism").filter(|n| *n > 0);
    table.or_else(|| options.int("parallelism.default")).unwrap_or(1)
}

/// The engine's call.
pub(crate) fn agg_call(call: &Call) -> AggCall {
    AggCall {
        function: call.function.clone(),
        arg: call.arg,
        distinct: call.distinct,
        filter: call.filter,
        monotonic: false,
        result: call.ty.clone(),
    }
}

/// The session's zone for windows.
#[derive(Debug)]
struct SessionZone(Zone);

impl LocalZone for SessionZone {
    fn to_local(&self, epoch_ms: i64) -> i64 {
        let seconds = epoch_ms.div_euclid(1000);
        epoch_ms.saturating_add(self.0.to_local(seconds).saturating_sub(seconds).saturating_mul(1000))
    }

    fn to_epoch(&self, local_ms: i64) -> i64 {
        let seconds = local_ms.div_euclid(1000);
        local_ms.saturating_add(self.0.to_instant(seconds).saturating_sub(seconds).saturating_mul(1000))
    }

    fn last_instant(&self, local_ms: i64) -> i64 {
        let seconds = local_ms.div_euclid(1000);
        let last = self.0.last_instant(seconds);
        if self.0.to_local(last) == seconds {
            local_ms.saturating_add(last.saturating_sub(seconds).saturating_mul(1000))
        } else {
            last.saturating_mul(1000)
        }
    }
}
