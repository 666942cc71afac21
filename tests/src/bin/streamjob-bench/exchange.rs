//! Rows from one process to another through the engine's exchange, beside the
//! same number of bytes over bare TCP, both over loopback. The other process is
//! this program again.

use crate::report::Report;
use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use crossbeam_channel::unbounded;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use streamjob_core::error::ErrorExt;
use streamjob_core::{Barrier, Batch, DataType, Error, JobId, LogicalType, OperatorUid, Result, Schema};
use streamjob_engine::deploy::{DeployRequest, RestoreState, Share, TaskCommand, TaskEvent};
use streamjob_engine::net::{Network, NetworkConfig};
use streamjob_engine::testing::MemoryStore;
use streamjob_engine::{
    Edge, Exchange, JobGraph, Node, NodeKind, Operator, OperatorContext, OperatorFactory, Output, Source,
    SourceFactory, SourcePoll, TaskInfo, deploy_local,
};
use streamjob_state::{HeapFactory, OperatorState, SystemClock};

/// Rows of a batch: what the engine aims at.
const ROWS: usize = 8_192;
/// Text of a row, bytes.
const TEXT: usize = 100;
/// Bytes of column data that are sent.
const TOTAL: u64 = 4 << 30;
const TIMES: usize = 3;
const GOAL: f64 = 0.5;

/// All cases.
pub fn run(report: &mut Report) -> Result<()> {
    let batch = batch()?;
    let bytes = data_bytes(&batch);
    report.settings(
        "exchange",
        &format!(
            "one producer, one consumer in another process, no keys, the same batch of {ROWS} rows (BIGINT, STRING of {TEXT}; \
             {bytes} bytes of column data) over and over, {TOTAL} bytes in all; bare TCP: writes of a batch's size, reads of \
             256 KiB; from first to last byte at the receiver; {TIMES} runs in turn"
        ),
    );
    let (mut raw, mut own, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let (r, o) = (raw_tcp(bytes)? / 1e9, exchange()? / 1e9);
        raw.push(r);
        own.push(o);
        ratios.push(o / r);
    }
    report.add("exchange/loopback", "bare TCP", "GB/s", raw, None);
    report.add("exchange/loopback", "rows through the exchange", "GB/s", own, None);
    report.add("exchange/loopback", "exchange / bare TCP", "", ratios, Some(GOAL));
    Ok(())
}

/// The other process: `raw`, or `rows ADDRESS` with the address of the first one's exchange.
pub fn peer(words: &[&str]) -> Result<()> {
    match words {
        ["raw"] => receive_raw(),
        ["rows", address] => receive_rows(address),
        _ => Err(Error::user("exchange-peer is started by the bench of the exchange")),
    }
}

fn batch() -> Result<RecordBatch> {
    let numbers: ArrayRef = Arc::new((0..ROWS as i64).collect::<Int64Array>());
    let texts: ArrayRef = Arc::new((0..ROWS).map(|i| Some(format!("{i:0TEXT$}"))).collect::<StringArray>());
    Ok(RecordBatch::try_new(schema().arrow(), vec![numbers, texts])?)
}

fn schema() -> Schema {
    let column = |name: &str, ty| (name.to_string(), LogicalType::new(ty));
    Schema::new([column("n", DataType::BigInt), column("t", DataType::STRING)])
}

/// Bytes of values and offsets, without padding and headers.
fn data_bytes(batch: &RecordBatch) -> u64 {
    batch.columns().iter().map(|c| c.to_data().buffers().iter().map(|b| b.len() as u64).sum::<u64>()).sum()
}

struct Peer {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Peer {
    fn start(words: &[&str]) -> Result<Self> {
        let own = std::env::current_exe().transient("this program does not know where it is")?;
        let mut command = Command::new(own);
        command.arg("exchange-peer").args(words).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().transient("cannot start the other process")?;
        let out = child.stdout.take().ok_or_else(|| Error::internal("the other process has no output"))?;
        Ok(Self { child, lines: BufReader::new(out) })
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.lines.read_line(&mut line).transient("the other process says nothing")?;
        Ok(line.trim().to_string())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peer {
    /// Bytes a second, which it says last.
    fn into_rate(mut self) -> Result<f64> {
        let line = self.line()?;
        let _ = self.child.wait();
        line.parse().map_err(|e| Error::internal(format!("no rate: '{line}'")).caused_by(e))
    }
}

fn raw_tcp(batch: u64) -> Result<f64> {
    let mut peer = Peer::start(&["raw"])?;
    let address = peer.line()?;
    let mut stream = TcpStream::connect(&address).transient("cannot connect")?;
    stream.set_nodelay(true).transient("no TCP_NODELAY")?;
    let bytes = vec![7u8; usize::try_from(batch).unwrap_or(1 << 20)];
    for _ in 0..TOTAL / batch {
        stream.write_all(&bytes).transient("cannot send")?;
    }
    drop(stream);
    peer.into_rate()
}

fn receive_raw() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").transient("cannot listen")?;
    println!("{}", listener.local_addr().transient("no address")?);
    let (mut stream, _) = listener.accept().transient("nobody connects")?;
    let (mut buffer, mut total, mut begun) = (vec![0u8; 256 << 10], 0u64, None);
    loop {
        let n = stream.read(&mut buffer).transient("cannot receive")?;
        let begun = *begun.get_or_insert_with(Instant::now);
        if n == 0 {
            println!("{}", total as f64 / begun.elapsed().as_secs_f64());
            return Ok(());
        }
        total += n as u64;
    }
}

fn exchange() -> Result<f64> {
    let network = network()?;
    let mut peer = Peer::start(&["rows", &network.address().to_string()])?;
    let there = peer.line()?;
    let peers = vec![network.address().to_string(), there];
    run_share(network, 0, peers)?;
    peer.into_rate()
}

fn receive_rows(first: &str) -> Result<()> {
    let network = network()?;
    println!("{}", network.address());
    let peers = vec![first.to_string(), network.address().to_string()];
    run_share(network, 1, peers)
}

fn network() -> Result<Arc<Network>> {
    Network::start(NetworkConfig { bind: "127.0.0.1:0".into(), tls: None })
}

/// Runs this process's part until all rows are through.
fn run_share(network: Arc<Network>, worker: usize, peers: Vec<String>) -> Result<()> {
    let node = |uid: &str, kind, schema| Node {
        uid: OperatorUid(uid.into()),
        name: uid.into(),
        kind,
        parallelism: Some(1),
        schema,
    };
    let batch = batch()?;
    let source = NodeKind::Source(Arc::new(Repeat { batch: batch.clone() }));
    let sink = NodeKind::Operator(Arc::new(Count { bytes: data_bytes(&batch) }));
    let graph = JobGraph {
        nodes: vec![node("repeat", source, schema()), node("count", sink, Schema::default())],
        edges: vec![Edge { from: 0, to: 1, input: 0, exchange: Exchange::Rebalance }],
    };
    let (sender, events) = unbounded();
    let deployment = deploy_local(DeployRequest {
        graph: Arc::new(graph),
        job: "exchange".into(),
        job_id: JobId::from_random(0),
        parallelism: 1,
        max_parallelism: 128,
        attempt: "bench".into(),
        backend: Arc::new(HeapFactory::new()),
        work_dir: std::env::temp_dir(),
        memory_budget: 64 << 20,
        restore: RestoreState::default(),
        restore_store: Arc::new(MemoryStore::new()),
        clock: Arc::new(SystemClock),
        aligned: true,
        chaining: true,
        linger: Duration::from_millis(10),
        events: sender,
        share: Some(Share { worker, assignment: vec![vec![0], vec![1]], peers, network }),
    })?;
    loop {
        match events.recv().internal("the tasks have gone")? {
            TaskEvent::Ended(_) => deployment.send(TaskCommand::Finish),
            TaskEvent::Finished(_) => break,
            TaskEvent::Failed(_, e) | TaskEvent::PeerLost(e) => return Err(e),
            _ => {}
        }
    }
    deployment.join();
    // What is still on its way must not be cut off.
    std::thread::sleep(Duration::from_millis(500));
    Ok(())
}

struct Repeat {
    batch: RecordBatch,
}

impl SourceFactory for Repeat {
    fn create(&self, _: &TaskInfo) -> Result<Box<dyn Source>> {
        Ok(Box::new(Repeating { left: TOTAL / data_bytes(&self.batch), batch: self.batch.clone() }))
    }

    fn bounded(&self) -> bool {
        true
    }
}

struct Repeating {
    left: u64,
    batch: RecordBatch,
}

impl Source for Repeating {
    fn open(&mut self, _: &mut OperatorContext<'_>, _: &OperatorState) -> Result<()> {
        Ok(())
    }

    fn poll(&mut self, _: usize, _: &mut OperatorContext<'_>) -> Result<SourcePoll> {
        if self.left == 0 {
            return Ok(SourcePoll::End);
        }
        self.left -= 1;
        Ok(SourcePoll::Rows(Batch::inserts(self.batch.clone())))
    }

    fn snapshot(&mut self, _: &Barrier, _: &mut OperatorContext<'_>) -> Result<OperatorState> {
        Ok(OperatorState::default())
    }
}

struct Count {
    bytes: u64,
}

impl OperatorFactory for Count {
    fn create(&self, _: &TaskInfo) -> Result<Box<dyn Operator>> {
        Ok(Box::new(Counting { bytes: self.bytes, rows: 0, begun: None }))
    }
}

struct Counting {
    bytes: u64,
    rows: u64,
    begun: Option<Instant>,
}

impl Operator for Counting {
    fn open(&mut self, _: &mut OperatorContext<'_>, _: &OperatorState) -> Result<()> {
        Ok(())
    }

    fn on_batch(&mut self, _: usize, batch: Batch, _: &mut OperatorContext<'_>, _: &mut dyn Output) -> Result<()> {
        self.begun.get_or_insert_with(Instant::now);
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    fn on_end(&mut self, _: bool, _: &mut OperatorContext<'_>, _: &mut dyn Output) -> Result<()> {
        let seconds = self.begun.map_or(f64::NAN, |b| b.elapsed().as_secs_f64());
        println!("{}", (self.rows / ROWS as u64 * self.bytes) as f64 / seconds);
        Ok(())
    }
}
