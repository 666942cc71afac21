//! Figures of subtasks and of the operators in them.

use super::defs::*;
use super::{Gather, Sample};
use crate::view::Tasks;
use std::sync::atomic::Ordering::Relaxed;
use streamjob_engine::deploy::{OperatorStatus, TaskId, VertexInfo};

/// Who the tasks belong to.
struct Owner<'a> {
    job: &'a str,
    worker: &'a str,
}

/// All tasks that run in this process. `worker` is its name, empty in a job of one process.
pub fn of_tasks(tasks: &Tasks, job: &str, worker: &str) -> Vec<Sample> {
    let owner = Owner { job, worker };
    let vertices = 0..tasks.vertices().len();
    vertices.flat_map(|v| tasks.of_vertex(v)).flat_map(|task| owner.task(tasks, task)).map(|(_, s)| s).collect()
}

/// The tasks of a vertex, by the ids that REST knows: `<subtask>.<name>` and `<subtask>.<operator>.<name>`.
pub fn of_vertex(tasks: &Tasks, vertex: usize) -> Vec<(String, Sample)> {
    let owner = Owner { job: "", worker: "" };
    tasks.of_vertex(vertex).flat_map(|task| owner.task(tasks, task)).collect()
}

impl Owner<'_> {
    fn task(&self, tasks: &Tasks, id: TaskId) -> Vec<(String, Sample)> {
        let Some(vertex) = tasks.vertices().get(id.vertex) else { return Vec::new() };
        let labels = |operator: Option<&str>| {
            let mut labels = vec![("job_name", self.job.to_string()), ("task_name", vertex.name.clone())];
            labels.extend(operator.map(|name| ("operator_name", name.to_string())));
            labels.extend([("subtask_index", id.subtask.to_string()), ("worker", self.worker.to_string())]);
            labels
        };
        let mut g = Gather::new(labels(None));
        figures(&mut g, tasks, id);
        let named = |prefix: String| move |s: Sample| (format!("{prefix}.{}", s.def.name), s);
        let mut out: Vec<_> = g.samples.into_iter().map(named(id.subtask.to_string())).collect();
        let operators: Vec<_> = tasks.operators().iter().filter(|o| o.task == id).collect();
        for (i, op) in operators.iter().enumerate() {
            let mut g = Gather::new(labels(Some(&op.name)));
            let behind = operators.get(i + 1).map(|next| next.watermark_ms);
            let watermark_out = behind.unwrap_or_else(|| tasks.figures(id).and_then(|f| f.watermark_out_ms));
            operator(&mut g, op, watermark_out, vertex);
            out.extend(g.samples.into_iter().map(named(format!("{}.{}", id.subtask, op.name))));
        }
        out
    }
}

fn figures(g: &mut Gather, tasks: &Tasks, id: TaskId) {
    let Some(f) = tasks.figures(id) else { return };
    let (rows_in, rows_out) = tasks.rows(id);
    let ms = |nanos: u64| (nanos / 1_000_000) as f64;
    g.add(&RECORDS_IN, rows_in as f64);
    g.add(&RECORDS_OUT, rows_out as f64);
    g.add(&BYTES_IN, f.bytes_in as f64);
    g.add(&BYTES_OUT, f.bytes_out as f64);
    if let Some(rates) = tasks.rates(id) {
        g.add(&RECORDS_IN_RATE, rates.rows_in);
        g.add(&RECORDS_OUT_RATE, rates.rows_out);
        g.add(&BUSY_RATE, rates.busy * 1000.0);
        g.add(&IDLE_RATE, rates.idle * 1000.0);
        g.add(&BACKPRESSURED_RATE, rates.backpressured * 1000.0);
    }
    g.add(&BUSY, ms(f.busy_nanos));
    g.add(&IDLE, ms(f.idle_nanos));
    g.add(&BACKPRESSURED, ms(f.backpressured_nanos));
    g.add(&QUEUED_BYTES, f.queued_bytes as f64);
    g.add(&QUEUED_ROWS, f.queued_rows as f64);
    g.add(&IN_FLIGHT, f.channels.iter().map(|c| c.in_flight_bytes).sum::<u64>() as f64);
    g.add(&CREDIT_WAIT, ms(f.channels.iter().map(|c| c.credit_wait_nanos).sum()));
}

fn operator(g: &mut Gather, op: &OperatorStatus, watermark_out: Option<i64>, vertex: &VertexInfo) {
    let m = &op.metrics;
    g.add(&OP_RECORDS_IN, m.rows_in.load(Relaxed) as f64);
    g.add(&OP_RECORDS_OUT, m.rows_out.load(Relaxed) as f64);
    g.add(&OP_LATE, m.late_rows_dropped.load(Relaxed) as f64);
    g.add(&OP_SKIPPED, m.rows_skipped.load(Relaxed) as f64);
    let first_of_source = vertex.is_source && vertex.operators.first() == Some(&op.uid);
    g.maybe(&OP_WATERMARK_IN, op.watermark_ms.filter(|_| !first_of_source).map(|w| w as f64));
    g.maybe(&OP_WATERMARK_OUT, watermark_out.filter(|_| !op.is_sink).map(|w| w as f64));
}
