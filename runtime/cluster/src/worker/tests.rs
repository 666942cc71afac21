//! Real workers against a real pool over loopback.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use crate::control::digest::digest;
use crate::control::message::{Deploy, Terms};
use crate::control::pool::Plan;
use crate::control::{PoolConfig, WorkerPool};
use crossbeam_channel::{Receiver, unbounded};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::collections::BTreeMap;
use std::thread::JoinHandle;
use std::time::Instant;
use streamjob_checkpoint::MemoryStore;
use streamjob_core::{Domain, Error, JobId};
use streamjob_engine::deploy::{Deployment, RestoreState, TaskCommand, TaskEvent};
use streamjob_engine::net::TLS_NAME;
use streamjob_state::{HeapFactory, SnapshotStore, SystemClock};

const PATIENCE: Duration = Duration::from_secs(30);

/// Plans nothing, or fails to.
struct Fake(Option<&'static str>);

impl Planner for Fake {
    fn plan(&self, _: &JobDescription) -> Result<Planned> {
        match self.0 {
            Some(why) => Err(Error::user(why)),
            None => Ok(Planned {
                graph: Arc::new(JobGraph::default()),
                backend: Arc::new(HeapFactory::new()),
                storage: storage(),
                work_dir: "unused".into(),
                clock: Arc::new(SystemClock),
                from_local: false,
            }),
        }
    }
}

fn storage() -> Storage {
    Storage::over(Arc::new(MemoryStore::new()))
}

fn config(coordinator: &str, tls: Option<Tls>) -> WorkerConfig {
    WorkerConfig {
        coordinator: coordinator.into(),
        name: "w".into(),
        slots: 2,
        bind: None,
        advertise: None,
        tls,
        http: None,
        planner: Arc::new(Fake(None)),
        timing: Timing::default(),
        watchdog: WorkerConfig::WATCHDOG,
        grace: WorkerConfig::GRACE,
    }
}

fn pool(bind: &str, tls: Option<Tls>) -> WorkerPool {
    WorkerPool::start(PoolConfig { bind: bind.into(), tls, timing: Timing::default() }).unwrap()
}

fn start(config: WorkerConfig) -> (JoinHandle<Result<()>>, Leave) {
    let (leave, asked) = Leave::new();
    (std::thread::spawn(move || run_worker(config, asked)), leave)
}

fn until_workers(pool: &WorkerPool, count: usize) {
    let begun = Instant::now();
    while pool.workers().len() != count {
        assert!(begun.elapsed() < PATIENCE, "{:?}", pool.workers());
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn deploy(pool: &WorkerPool, attempt: &str, generation: u64, plan: &str) -> (Box<dyn Deployment>, Receiver<TaskEvent>) {
    let (events, received) = unbounded();
    let reader = streamjob_checkpoint::CheckpointReader::new(storage().root, "d");
    let job = JobDescription {
        name: "j".into(),
        namespace: "ns".into(),
        sql: String::new(),
        options: BTreeMap::new(),
        planned_ms: 0,
        parallelism: 1,
        max_parallelism: 128,
    };
    let deploy = Deploy {
        attempt: attempt.into(),
        job_id: JobId::from_random(1),
        generation,
        terms: Terms { job, digest: plan.into(), ..Terms::default() },
        worker: 0,
        assignment: vec![],
        peers: vec![],
        restore: RestoreState::default(),
        restore_store: reader.description().unwrap(),
        memory_budget: 1 << 20,
        aligned: true,
        chaining: true,
        linger_us: 1000,
    };
    // One slot is needed, for no task at all.
    (Box::new(pool.deploy(Plan { deploy, slots: 1, vertices: vec![], events }).unwrap()), received)
}

fn plan_of_nothing() -> String {
    digest(&JobGraph::default())
}

/// Files of one authority, for two parties.
fn authority() -> (Tls, Tls) {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let party = || {
        let key = KeyPair::generate().unwrap();
        let cert = CertificateParams::new(vec![TLS_NAME.to_string()]).unwrap().signed_by(&key, &issuer).unwrap();
        Tls { ca: issuer.pem().into_bytes(), cert: cert.pem().into_bytes(), key: key.serialize_pem().into_bytes() }
    };
    (party(), party())
}

#[test]
fn a_worker_runs_what_it_is_given_and_ends_with_the_job() {
    let pool = pool("127.0.0.1:0", None);
    let (worker, _leave) = start(config(&pool.address().to_string(), None));
    until_workers(&pool, 1);
    let (first, _) = deploy(&pool, "a", 1, &plan_of_nothing());
    first.send(TaskCommand::Cancel);
    // Returns only when the worker has said that nothing of it runs any more.
    first.join();
    let (_second, events) = deploy(&pool, "b", 1, &plan_of_nothing());
    pool.end();
    worker.join().unwrap().unwrap();
    assert!(events.is_empty());
}

#[test]
fn plans_that_differ_are_not_run() {
    let pool = pool("127.0.0.1:0", None);
    let address = pool.address().to_string();
    let (worker, _leave) = start(config(&address, None));
    until_workers(&pool, 1);
    let (_deployment, events) = deploy(&pool, "a", 1, "another plan");
    let Ok(TaskEvent::PeerLost(e)) = events.recv_timeout(PATIENCE) else { panic!("not told") };
    assert!(e.to_string().contains("plans the job differently") && e.to_string().contains("same image"), "{e}");
    pool.end();
    worker.join().unwrap().unwrap();
}

#[test]
fn what_a_planner_refuses_is_the_jobs_error() {
    let pool = pool("127.0.0.1:0", None);
    let planner = Arc::new(Fake(Some("no table t")));
    let (worker, _leave) = start(WorkerConfig { planner, ..config(&pool.address().to_string(), None) });
    until_workers(&pool, 1);
    let (_deployment, events) = deploy(&pool, "a", 1, &plan_of_nothing());
    let Ok(TaskEvent::PeerLost(e)) = events.recv_timeout(PATIENCE) else { panic!("not told") };
    assert_eq!((e.domain(), e.message()), (Domain::User, "worker w: no table t"));
    pool.end();
    worker.join().unwrap().unwrap();
}

#[test]
fn a_worker_waits_for_a_coordinator_and_finds_the_next_one() {
    let first = pool("127.0.0.1:0", None);
    let address = first.address().to_string();
    let (worker, _leave) = start(config(&address, None));
    until_workers(&first, 1);
    let (deployment, _events) = deploy(&first, "a", 7, &plan_of_nothing());
    deployment.send(TaskCommand::Cancel);
    deployment.join();
    drop(first);
    // The port is free once all its connections are closed.
    let begun = Instant::now();
    let second = loop {
        match WorkerPool::start(PoolConfig { bind: address.clone(), tls: None, timing: Timing::default() }) {
            Ok(pool) => break pool,
            Err(e) => assert!(begun.elapsed() < PATIENCE, "{e}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    until_workers(&second, 1);
    // One whose generation is past is left again, each time that it is found.
    let (_old, _events) = deploy(&second, "b", 6, &plan_of_nothing());
    until_workers(&second, 0);
    drop(worker);
}

#[test]
fn who_is_asked_to_end_does_when_nothing_runs() {
    let pool = pool("127.0.0.1:0", None);
    let (worker, leave) = start(config(&pool.address().to_string(), None));
    until_workers(&pool, 1);
    leave.ask();
    worker.join().unwrap().unwrap();
    until_workers(&pool, 0);
    // Nobody is there to ask, nothing is there to lose.
    let address = pool.address().to_string();
    drop(pool);
    let (worker, leave) = start(config(&address, None));
    leave.ask();
    worker.join().unwrap().unwrap();
}

#[test]
fn one_authority_is_trusted_and_another_is_not() {
    let ((coordinator, worker), (stranger, _)) = (authority(), authority());
    let pool = pool("127.0.0.1:0", Some(coordinator));
    let address = pool.address().to_string();
    // Its authority is not the coordinator's; nor does it trust that.
    let (failed, _leave) = start(config(&address, Some(stranger.clone())));
    let e = failed.join().unwrap().unwrap_err();
    assert_eq!(e.domain(), Domain::User);
    assert!(e.to_string().contains("--tls") && e.to_string().contains(&address), "{e}");
    // It trusts the coordinator, but shows a certificate of its own authority.
    let half = Tls { ca: worker.ca.clone(), ..stranger };
    let (failed, _leave) = start(config(&address, Some(half)));
    let e = failed.join().unwrap().unwrap_err();
    assert_eq!(e.domain(), Domain::User, "{e}");
    assert!(pool.workers().is_empty());
    let (good, _leave) = start(config(&address, Some(worker)));
    until_workers(&pool, 1);
    pool.end();
    good.join().unwrap().unwrap();
}

#[test]
fn a_second_process_of_one_name_ends_the_first_with_a_reason() {
    let pool = pool("127.0.0.1:0", None);
    let address = pool.address().to_string();
    let (first, _leave) = start(config(&address, None));
    until_workers(&pool, 1);
    let (second, _leave) = start(config(&address, None));
    let e = first.join().unwrap().unwrap_err();
    assert!(e.to_string().contains("--id"), "{e}");
    pool.end();
    second.join().unwrap().unwrap();
}

#[test]
fn an_exchange_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bind = taken.local_addr().unwrap().to_string();
    let (worker, _leave) = start(WorkerConfig { bind: Some(bind.clone()), ..config("127.0.0.1:1", None) });
    let e = worker.join().unwrap().unwrap_err();
    assert!(e.domain() == Domain::User && e.to_string().contains(&bind), "{e}");
}
