#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use crate::exchange::{Inbox, Received};
use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use crossbeam_channel::{Receiver, unbounded};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::time::Instant;
use streamjob_core::{Batch, Element};
use tokio::sync::watch;

const PATIENCE: Duration = Duration::from_secs(30);

fn rows(n: i64) -> Element {
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..n));
    Element::Batch(Batch::inserts(RecordBatch::try_from_iter([("n", column)]).unwrap()))
}

/// A listening end with one edge into two inboxes, one producer.
struct There {
    network: Arc<Network>,
    inboxes: Vec<Arc<Inbox>>,
    routes: Arc<Routes>,
    lost: Receiver<Error>,
}

fn there(attempt: &str, tls: Option<Tls>) -> There {
    let network = Network::start(NetworkConfig { bind: "127.0.0.1:0".into(), tls }).unwrap();
    let inboxes: Vec<_> = (0..2).map(|_| Arc::new(Inbox::new(1))).collect();
    let (lost_in, lost) = unbounded();
    let routes = Arc::new(Routes {
        edges: vec![EdgeRoute {
            schema: Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)])),
            consumers: inboxes.iter().cloned().zip(0u32..).map(|(i, n)| (n, i)).collect::<HashMap<_, _>>(),
            first_channel: 0,
            forward: false,
        }],
        on_lost: Arc::new(move |e| drop(lost_in.send(e))),
        phase: watch::Sender::new(Phase::Running),
    });
    network.attach(attempt, routes.clone());
    There { network, inboxes, routes, lost }
}

fn here(tls: Option<Tls>) -> Arc<Network> {
    Network::start(NetworkConfig { bind: "127.0.0.1:0".into(), tls }).unwrap()
}

fn connect(network: &Network, to: &There, attempt: &str) -> (Arc<Outgoing>, Receiver<Error>) {
    let (lost_in, lost) = unbounded();
    let on_lost = Arc::new(move |e| drop(lost_in.send(e)));
    let address = to.network.address().to_string();
    (network.connect(attempt, (0, 1), address, on_lost).unwrap(), lost)
}

fn channel(consumer: u32) -> ChannelId {
    ChannelId { edge: 0, producer: 0, consumer }
}

fn take(inbox: &Inbox) -> Element {
    match inbox.receive(Instant::now() + PATIENCE).0 {
        Received::Element(0, element) => element,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_slow_consumer_holds_back_its_own_producer_only() {
    let (to, from) = (there("a", None), here(None));
    let (out, _lost) = connect(&from, &to, "a");
    let size = 8 * 10_000;
    let fits = i64::from(WINDOW) / size + 1;
    let slow = {
        let out = out.clone();
        std::thread::spawn(move || {
            for _ in 0..3 * fits {
                out.push(channel(0), &rows(10_000)).unwrap();
            }
        })
    };
    // Nobody takes from the first inbox: its producer stands still before it has sent all ...
    let start = Instant::now();
    while i64::try_from(to.inboxes[0].load().rows).unwrap() < fits * 10_000 {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(1));
    }
    // ... while its neighbour on the same connection gets a hundred times the window through.
    let neighbour = {
        let out = out.clone();
        std::thread::spawn(move || {
            for _ in 0..100 * fits {
                out.push(channel(1), &rows(10_000)).unwrap();
            }
        })
    };
    for _ in 0..100 * fits {
        assert!(matches!(take(&to.inboxes[1]), Element::Batch(b) if b.num_rows() == 10_000));
    }
    neighbour.join().unwrap();
    assert!(!slow.is_finished());
    assert_eq!(i64::try_from(to.inboxes[0].load().rows).unwrap(), fits * 10_000);
    let figures = || out.channels().into_iter().map(|(_, c)| c).find(|c| c.consumer == channel(0).consumer).unwrap();
    let stuck = figures();
    assert!(stuck.in_flight_bytes >= u64::from(WINDOW) && stuck.sent_bytes == stuck.in_flight_bytes, "{stuck:?}");
    // A wait under way counts.
    assert!(stuck.credit_wait_nanos > 0 && figures().credit_wait_nanos > stuck.credit_wait_nanos);
    // A barrier is not rows: it goes behind them, without their credit.
    out.push(channel(0), &Element::Watermark(7)).unwrap();
    for _ in 0..fits {
        assert!(matches!(take(&to.inboxes[0]), Element::Batch(_)));
    }
    for _ in 0..2 * fits + 1 {
        take(&to.inboxes[0]);
    }
    slow.join().unwrap();
    assert!(out.traffic().credit_wait_nanos > 0);
}

#[test]
fn control_elements_are_bounded_too() {
    let (to, from) = (there("a", None), here(None));
    let (out, _lost) = connect(&from, &to, "a");
    let many = 3 * CONTROL_CREDIT;
    let producer = {
        let out = out.clone();
        std::thread::spawn(move || {
            for n in 0..many {
                // Ends are never merged.
                out.push(channel(0), &Element::End { drained: n % 2 == 0 }).unwrap();
            }
        })
    };
    for n in 0..many {
        assert!(matches!(take(&to.inboxes[0]), Element::End { drained } if drained == (n % 2 == 0)));
    }
    producer.join().unwrap();
}

#[test]
fn a_cut_connection_is_noticed_on_both_sides_and_a_bye_is_none() {
    let (to, from) = (there("a", None), here(None));
    let (out, lost) = connect(&from, &to, "a");
    out.push(channel(0), &rows(1)).unwrap();
    take(&to.inboxes[0]);
    // The consumer's side stops: the producer hears of it, also where it waits for credit.
    to.routes.phase.send_replace(Phase::Cut);
    let error = lost.recv_timeout(PATIENCE).unwrap();
    assert!(error.to_string().contains("the connection to worker 1 (127.0.0.1:"), "{error}");
    assert!(out.push(channel(0), &rows(1)).unwrap_err().to_string().contains("is lost"));
    assert!(to.lost.is_empty());

    let to = there("b", None);
    let (out, lost) = connect(&from, &to, "b");
    out.push(channel(0), &rows(1)).unwrap();
    take(&to.inboxes[0]);
    out.halt();
    let error = to.lost.recv_timeout(PATIENCE).unwrap();
    assert!(error.to_string().contains("from worker 0 is lost"), "{error}");
    assert!(lost.is_empty());

    let to = there("c", None);
    let (out, lost) = connect(&from, &to, "c");
    out.push(channel(0), &rows(5)).unwrap();
    out.bye();
    assert!(matches!(take(&to.inboxes[0]), Element::Batch(b) if b.num_rows() == 5));
    // What is dropped sends nothing more, so the last word needs a moment first.
    std::thread::sleep(Duration::from_millis(200));
    drop(from);
    std::thread::sleep(Duration::from_millis(50));
    assert!(to.lost.is_empty() && lost.is_empty());
}

/// What a stranger that sends `bytes` gets back.
fn stranger(to: &There, bytes: &[u8]) -> String {
    let mut tcp = std::net::TcpStream::connect(to.network.address()).unwrap();
    tcp.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    let _ = tcp.set_read_timeout(Some(Duration::from_secs(5)));
    let _ = tcp.read_to_end(&mut answer);
    String::from_utf8_lossy(answer.get(2..).unwrap_or_default()).into_owned()
}

fn hello(version: u8, attempt: &str) -> Vec<u8> {
    let mut out = vec![b'S', b'J', b'X', version, attempt.len() as u8];
    out.extend(attempt.as_bytes());
    out.extend([0; 8]);
    out
}

#[test]
fn strangers_and_old_versions_are_told_so() {
    let to = there("a", None);
    assert!(stranger(&to, b"GET / HTTP/1.1\r\n\r\n").contains("this port is for other workers"));
    let answer = stranger(&to, &hello(9, "a"));
    assert!(answer.contains("exchange protocol 9, this worker speaks 1"), "{answer}");
    assert!(to.lost.is_empty());
}

#[test]
fn frames_of_another_attempt_and_damaged_ones_end_the_connection() {
    let payload = 7i64.to_le_bytes();
    let good = frame::frame(frame::Kind::Watermark, channel(0), tag("a"), &payload);
    let foreign = frame::frame(frame::Kind::Watermark, channel(0), tag("b"), &payload);
    let unknown = frame::frame(frame::Kind::Watermark, ChannelId { edge: 5, ..channel(0) }, tag("a"), &payload);
    let mut damaged = good.clone();
    *damaged.last_mut().unwrap() ^= 1;
    for (bad, text) in [(foreign, "a frame of attempt"), (unknown, "an unknown channel"), (damaged, "its header says")]
    {
        let to = there("a", None);
        stranger(&to, &[hello(1, "a"), good.clone(), bad, good.clone()].concat());
        let error = to.lost.recv_timeout(PATIENCE).unwrap();
        assert!(error.to_string().contains(text), "{error}");
        assert!(matches!(take(&to.inboxes[0]), Element::Watermark(7)));
        assert_eq!((to.inboxes[0].load().rows, to.inboxes[0].load().bytes), (0, 0));
    }
}

/// An authority and a certificate of it.
pub(crate) fn certificates() -> Tls {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new(vec![]).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_cert = ca.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let cert = rcgen::CertificateParams::new(vec![TLS_NAME.into()]).unwrap().signed_by(&key, &issuer).unwrap();
    Tls { ca: ca_cert.pem().into(), cert: cert.pem().into(), key: key.serialize_pem().into() }
}

#[test]
fn only_peers_of_the_same_authority_get_in() {
    let ours = certificates();
    let to = there("a", Some(ours.clone()));
    let from = here(Some(ours));
    let (out, _lost) = connect(&from, &to, "a");
    out.push(channel(0), &rows(3)).unwrap();
    assert!(matches!(take(&to.inboxes[0]), Element::Batch(b) if b.num_rows() == 3));

    for stranger in [Some(certificates()), None] {
        let from = here(stranger);
        let (_out, lost) = connect(&from, &to, "a");
        assert!(lost.recv_timeout(PATIENCE).unwrap().to_string().contains("is lost"));
    }
    assert_eq!((to.inboxes[0].load().rows, to.inboxes[0].load().bytes), (0, 0));
}

#[test]
fn unusable_settings_name_the_file_and_the_address() {
    let tls = Tls { key: b"no key".to_vec(), ..certificates() };
    let error = Network::start(NetworkConfig { bind: "127.0.0.1:0".into(), tls: Some(tls) }).err().unwrap();
    assert!(error.to_string().contains("tls.key"), "{error}");
    let error = Tls::read(std::path::Path::new("/nowhere")).err().unwrap();
    assert!(error.to_string().contains("/nowhere/ca.crt"), "{error}");
    let taken = here(None);
    let bind = taken.address().to_string();
    let error = Network::start(NetworkConfig { bind: bind.clone(), tls: None }).err().unwrap();
    assert!(error.to_string().contains(&bind) && error.fix_text().is_some(), "{error}");
}
