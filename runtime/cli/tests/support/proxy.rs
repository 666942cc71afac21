//! A network that can be cut: forwards TCP connections, and can fall silent without
//! closing any of them, as a cable does that is pulled.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Forwards from its address to a target that can be changed.
pub struct Proxy {
    pub address: String,
    shared: Arc<Shared>,
}

struct Shared {
    target: Mutex<String>,
    /// Connections of an earlier number carry nothing any more.
    cuts: AtomicU64,
}

impl Proxy {
    pub fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared { target: Mutex::new(target.to_string()), cuts: AtomicU64::new(0) });
        let own = shared.clone();
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let (number, target) = (own.cuts.load(Ordering::SeqCst), own.target.lock().unwrap().clone());
                let Ok(far) = TcpStream::connect(target) else { continue };
                for (from, to) in [(near.try_clone(), far.try_clone()), (far.try_clone(), near.try_clone())] {
                    let (from, to, own) = (from.unwrap(), to.unwrap(), own.clone());
                    std::thread::spawn(move || forward(from, to, number, &own));
                }
            }
        });
        Self { address, shared }
    }

    /// What is connected now hears nothing any more, and nothing of being cut off; who connects from now on is led to
    /// `target`.
    pub fn cut(&self, target: &str) {
        *self.shared.target.lock().unwrap() = target.to_string();
        self.shared.cuts.fetch_add(1, Ordering::SeqCst);
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, number: u64, shared: &Shared) {
    let mut buffer = vec![0u8; 64 << 10];
    loop {
        let n = from.read(&mut buffer).unwrap_or(0);
        if shared.cuts.load(Ordering::SeqCst) != number {
            // Both ends stay open as long as this thread holds them.
            loop {
                std::thread::sleep(Duration::from_secs(3600));
            }
        }
        if n == 0 || to.write_all(&buffer[..n]).is_err() {
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
            return;
        }
    }
}
