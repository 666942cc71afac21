//! The file system store: conditions among racing threads, crash leftovers, errors that name the path.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;
use streamjob_checkpoint::*;

#[test]
fn moving_the_head_is_a_compare_and_swap() {
    let dir = tempfile::tempdir().unwrap();
    // Every thread opens its own store, as processes do.
    let path = Arc::new(dir.path().to_path_buf());
    FsStore::open(path.as_path()).unwrap().put("ns/head", b"0").unwrap();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || {
                let store = FsStore::open(path.as_path()).unwrap();
                for _ in 0..25 {
                    loop {
                        let o = store.get("ns/head").unwrap().unwrap();
                        let n: u64 = String::from_utf8(o.bytes).unwrap().parse().unwrap();
                        if store.put_if_match("ns/head", (n + 1).to_string().as_bytes(), &o.etag).unwrap()
                            != Conditional::Lost
                        {
                            break;
                        }
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    let store = FsStore::open(path.as_path()).unwrap();
    assert_eq!(store.get("ns/head").unwrap().unwrap().bytes, b"100");
    assert_eq!(store.list("").unwrap().len(), 1, "no temporary or lock file is an object");
}

#[test]
fn deletes_prune_folders_and_writers_put_them_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = Arc::new(dir.path().to_path_buf());
    let threads: Vec<_> = (0..4)
        .map(|t| {
            let path = path.clone();
            std::thread::spawn(move || {
                let store = FsStore::open(path.as_path()).unwrap();
                for i in 0..100 {
                    let key = format!("a/b/{t}-{i}");
                    store.put(&key, b"x").unwrap();
                    assert_eq!(store.put_if_absent(&key, b"y").unwrap(), Conditional::Lost);
                    store.delete(&key).unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert!(!path.join("a").exists());
    assert!(path.exists());
}

#[test]
fn one_creator_wins_in_a_folder_that_comes_and_goes() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..50 {
        let wins: usize = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..4)
                .map(|t| {
                    let path = dir.path();
                    scope.spawn(move || {
                        let store = FsStore::open(path).unwrap();
                        store.put(&format!("e/x/{t}"), b"x").unwrap();
                        store.delete(&format!("e/x/{t}")).unwrap();
                        let won = store.put_if_absent(&format!("e/{round}"), &[t]).unwrap() != Conditional::Lost;
                        usize::from(won)
                    })
                })
                .collect();
            racers.into_iter().map(|r| r.join().unwrap()).sum()
        });
        assert_eq!(wins, 1, "round {round}");
        FsStore::open(dir.path()).unwrap().delete(&format!("e/{round}")).unwrap();
    }
}

#[test]
fn errors_name_the_path_and_the_option() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), b"").unwrap();
    let store = FsStore::open(dir.path().join("file")).unwrap();
    assert!(store.put_if_absent("a/b", b"x").is_err(), "an error, not a lost race");
    let e = store.put("a/b", b"x").unwrap_err();
    assert!(e.to_string().contains("/file") && e.to_string().contains("checkpoint.storage.fileSystem.path"), "{e}");
    let store = FsStore::open(dir.path()).unwrap();
    assert!(store.put_if_absent("file/b", b"x").is_err(), "an error, not a lost race");
    for key in ["", "../x", "a//b", "/abs", "a/./b"] {
        assert!(store.put(key, b"x").is_err(), "{key:?}");
    }
    let e = store.download("gone", &dir.path().join("to")).unwrap_err();
    assert!(e.to_string().contains("/gone does not exist"), "{e}");
    assert!(store.list("never").unwrap().is_empty());
    assert!(store.list_dirs("never").unwrap().is_empty());
}

/// `/dev/full` answers every write with "no space left on device".
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = FsStore::open(dir.path()).unwrap();
    store.put("a", &[1; 100_000]).unwrap();
    let full = std::path::Path::new("/dev/full");
    let e = store.download("a", full).unwrap_err();
    assert!(e.to_string().contains("/dev/full") && e.to_string().contains("disk is full"), "{e}");
    assert!(!full.is_file(), "the device was replaced by a file");
}
