//! Checkpoints with a damaged manifest or damaged state files.

use crate::support::Running;
use crate::support::suspended::{Files, Suspended, check};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn damaged_checkpoints_are_named_and_passed_over() {
    let fixture = Suspended::new();
    for _ in 0..2 {
        fixture.resumes("more checkpoints");
    }
    let checkpoints = fixture.checkpoints();
    let newest = checkpoints.last().unwrap();
    let metadata = newest.join("_metadata");
    let whole = fs::read(&metadata).unwrap();
    let from = newest.display().to_string();
    let restore = ["run", "job.yaml", "--no-rest", "--from", &from];
    // A manifest that was cut off, in the body and in the header; one that was changed.
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    for (what, bytes) in
        [("cut", &whole[..whole.len() / 2]), ("cut early", &whole[..20]), ("changed", &changed[..]), ("empty", &[])]
    {
        fs::write(&metadata, bytes).unwrap();
        for args in [&restore[..], &["checkpoint", "inspect", &from], &["checkpoint", "verify", &from]] {
            check(what, &fixture.run(args), &[&metadata.display().to_string(), "checkpoint list"]);
        }
        let list = fixture.run(&["checkpoint", "list", "--storage", "chk"]).ok(what);
        assert!(list.out.contains("damaged") && list.out.contains(&from), "{what}: {}", list.out);
    }
    // By itself the job passes it over, and says so.
    let mut job = Running::start(fixture.dir.path(), &["run", "job.yaml", "--no-rest"]);
    job.until_told("all tasks are running");
    let told = job.err();
    assert!(told.contains("is passed over") && told.contains(&from), "{told}");
    assert!(told.contains("resumes from checkpoint"), "{told}");
    drop(job);
    fs::write(&metadata, &whole).unwrap();

    // All of them: refused, and nothing starts empty by mistake.
    let all: Files = fixture.files().into_iter().filter(|(p, _)| p.ends_with("_metadata")).collect();
    for path in all.keys() {
        fs::write(path, "torn").unwrap();
    }
    let done = fixture.run(&["run", "job.yaml", "--no-rest"]);
    check("all torn", &done, &["none of the", "can be used", "_metadata", "--from"]);
    for (path, bytes) in &all {
        fs::write(path, bytes).unwrap();
    }
    // What was passed over once is not taken up again: the line that it had counted is read again.
    let mut job = Running::start(fixture.dir.path(), &["run", "job.yaml", "--no-rest"]);
    job.until("the counts of an older checkpoint", |r| r.out().contains("+U[7, 4]"));
    job.signal("TERM");
    let done = job.end().ok("torn manifests");
    assert!(done.err.contains("resumes from checkpoint"), "{}", done.err);
    fixture.resumes("torn manifests");
}

/// Without them, what is the newest state is not known: nothing starts empty by mistake.
#[test]
fn a_head_and_epoch_records_that_are_gone_are_told() {
    let fixture = Suspended::new();
    fixture.resumes("more checkpoints");
    let lineage = fixture.checkpoints().last().unwrap().parent().unwrap().to_path_buf();
    let job = lineage.parent().unwrap();
    let aside = fixture.path("aside");
    let without = |gone: &Path, parts: &[&str]| {
        fs::rename(gone, &aside).unwrap();
        let done = fixture.run(&["run", "job.yaml", "--no-rest"]);
        check("gone", &done, parts);
        fs::rename(&aside, gone).unwrap();
    };
    without(&job.join("head"), &["/head is gone", "--from none"]);
    without(&lineage.join("epochs"), &["no epoch record", "--from none"]);
    let newest = fs::read_dir(lineage.join("epochs")).unwrap().map(|e| e.unwrap().path());
    let number = |p: &PathBuf| p.file_name().unwrap().to_str().unwrap().parse::<u64>().unwrap();
    fs::remove_file(newest.max_by_key(number).unwrap()).unwrap();
    let mut job = Running::start(fixture.dir.path(), &["run", "job.yaml", "--no-rest"]);
    job.until_told("all tasks are running");
    let told = job.err();
    assert!(told.contains("is passed over") && told.contains("epoch record is missing"), "{told}");
}

#[test]
fn damaged_state_files_are_named() {
    let fixture = Suspended::new();
    let newest = fixture.checkpoints().last().unwrap().display().to_string();
    let inspect = fixture.run(&["checkpoint", "inspect", &newest, "--json"]).ok("inspect");
    let manifest: serde_json::Value = serde_json::from_str(&inspect.out).unwrap();
    let text = manifest.to_string();
    // Files of keyed state that this checkpoint refers to; all in place now.
    let files = fixture.files();
    let name = |p: &Path| p.file_name().unwrap().to_str().unwrap().to_string();
    let state: Vec<&PathBuf> = files
        .keys()
        .filter(|p| {
            text.contains(&format!("{}\"", name(p)))
                && !p.ends_with("_metadata")
                && !p.display().to_string().contains("/epochs/")
        })
        .collect();
    assert!(!state.is_empty(), "{text}");
    let restore = ["run", "job.yaml", "--no-rest", "--from", &newest];
    for path in state {
        let whole = &files[path];
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0x40;
        let at = path.display().to_string();
        fs::write(path, &flipped).unwrap();
        check("flipped", &fixture.run(&restore), &[&at, "checksum", "checkpoint list"]);
        let verify = fixture.run(&["checkpoint", "verify", &newest]);
        assert_eq!(verify.code, Some(2));
        assert!(verify.out.contains("damaged: ") && verify.out.contains(&at), "{}", verify.out);
        fs::write(path, &whole[..middle]).unwrap();
        check("shortened", &fixture.run(&restore), &[&at, "bytes"]);
        fs::remove_file(path).unwrap();
        check("removed", &fixture.run(&restore), &[&at, "missing"]);
        fs::write(path, whole).unwrap();
    }
    fixture.run(&["checkpoint", "verify", &newest]).ok("mended");
    fixture.resumes("damaged state files");
}
