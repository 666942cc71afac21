use super::*;
use crate::snapshot_store::{CheckpointReader, CheckpointWriter, Placement, Target};
use crate::store::{MemoryStore, ObjectStore, join};

struct Rig {
    dir: tempfile::TempDir,
    store: Arc<MemoryStore>,
    local: Arc<LocalFiles>,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let local = LocalFiles::open(dir.path().join("local")).unwrap();
        Self { dir, store: Arc::new(MemoryStore::new()), local }
    }

    fn upload(&self, id: CheckpointId, content: &[u8]) -> FileRef {
        let target = Target::Checkpoint { dir: "l".into(), id, attempt: "a".into() };
        let writer = CheckpointWriter::new(self.store.clone(), target, Placement::files(0).unwrap());
        let path = self.dir.path().join("upload");
        fs::write(&path, content).unwrap();
        let file = self.local.writing(id, Arc::new(writer)).upload(Scope::Shared, "f", &path).unwrap();
        fs::remove_file(path).unwrap();
        file
    }

    /// What a restore reads, and whether storage was asked for it.
    fn restore(&self, file: &FileRef) -> (Vec<u8>, bool) {
        let key = join("l", &file.path);
        let kept = self.store.get(&key).unwrap().unwrap().bytes;
        let reading = self.local.reading(Arc::new(CheckpointReader::new(self.store.clone(), "l")));
        let to = self.dir.path().join("download");
        // Storage that has lost the file is not missed when the file is here.
        self.store.delete(&key).unwrap();
        let there = reading.download(file, &to).is_err();
        self.store.put(&key, &kept).unwrap();
        if there {
            reading.download(file, &to).unwrap();
        }
        (fs::read(to).unwrap(), there)
    }

    fn names(&self) -> usize {
        fs::read_dir(self.dir.path().join("local")).unwrap().count()
    }
}

#[test]
fn what_was_uploaded_or_downloaded_is_not_read_again() {
    let mut rig = Rig::new();
    let file = rig.upload(1, b"content");
    assert_eq!(rig.restore(&file), (b"content".to_vec(), false));
    // Of a process before this one.
    rig.local = LocalFiles::open(rig.dir.path().join("local")).unwrap();
    assert_eq!(rig.restore(&file), (b"content".to_vec(), false));
    rig.local.remove();
    rig.local = LocalFiles::open(rig.dir.path().join("local")).unwrap();
    assert_eq!(rig.restore(&file), (b"content".to_vec(), true));
    assert_eq!(rig.restore(&file), (b"content".to_vec(), false));
}

#[test]
fn what_is_not_right_is_read_from_storage() {
    let damages: [fn(&Path); 3] =
        [|p| fs::write(p, b"cOntent").unwrap(), |p| fs::write(p, b"cont").unwrap(), |p| fs::remove_file(p).unwrap()];
    for damage in damages {
        for reopened in [false, true] {
            let mut rig = Rig::new();
            let file = rig.upload(1, b"content");
            let path = rig.dir.path().join("local").join(name(&file).unwrap());
            damage(&path);
            if reopened {
                rig.local = LocalFiles::open(rig.dir.path().join("local")).unwrap();
            }
            assert_eq!(rig.restore(&file), (b"content".to_vec(), true));
            assert_eq!(rig.restore(&file), (b"content".to_vec(), false), "it is kept again");
        }
    }
}

#[test]
fn the_last_completed_checkpoint_and_later_ones_are_kept() {
    let mut rig = Rig::new();
    let (a, b) = (rig.upload(1, b"a"), rig.upload(1, b"b"));
    rig.local.acknowledged(1, [&a, &b].into_iter());
    rig.local.completed(1);
    assert_eq!(rig.names(), 2);
    // The next one builds upon b; the one after it is under way.
    let c = rig.upload(2, b"c");
    rig.local.acknowledged(2, [&b, &c].into_iter());
    let d = rig.upload(3, b"d");
    rig.local.completed(2);
    assert_eq!(rig.names(), 3);
    for (file, there) in [(&a, true), (&b, false), (&c, false), (&d, false)] {
        assert_eq!(rig.restore(file).1, there);
    }
    // Whatever an earlier process left goes as soon as it is known what is needed.
    rig.local = LocalFiles::open(rig.dir.path().join("local")).unwrap();
    rig.local.acknowledged(4, [&c].into_iter());
    rig.local.completed(4);
    assert_eq!(rig.names(), 1);
}

#[test]
fn what_is_fetched_ahead_is_here_and_gives_way_to_the_next_list() {
    let rig = Rig::new();
    let files = [rig.upload(1, b"a"), rig.upload(1, b"b"), rig.upload(1, b"c")];
    rig.local.remove();
    let local = LocalFiles::open(rig.dir.path().join("local")).unwrap();
    let rig = Rig { local, ..rig };
    let store = CheckpointReader::new(rig.store.clone(), "l");
    assert_eq!(rig.local.fetch(&files[..2], &store, || false).unwrap(), 2);
    assert_eq!(rig.local.fetch(&files[..2], &store, || false).unwrap(), 0, "they are here");
    assert_eq!(rig.names(), 2);
    assert_eq!(rig.local.fetch(&files[1..], &store, || true).unwrap(), 0, "called off");
    assert_eq!(rig.local.fetch(&files[1..], &store, || false).unwrap(), 1);
    assert_eq!(rig.names(), 2);
    for (file, there) in [(&files[0], true), (&files[1], false), (&files[2], false)] {
        assert_eq!(rig.restore(file).1, there);
    }
}

#[test]
fn savepoints_and_inline_content_leave_nothing() {
    let rig = Rig::new();
    let path = rig.dir.path().join("f");
    fs::write(&path, b"x").unwrap();
    for target in
        [Target::Savepoint { dir: "s".into() }, Target::Checkpoint { dir: "l".into(), id: 1, attempt: "a".into() }]
    {
        let savepoint = matches!(target, Target::Savepoint { .. });
        let placement = if savepoint { Placement::files(0).unwrap() } else { Placement::default() };
        let writer = CheckpointWriter::new(rig.store.clone(), target, placement);
        let writer = rig.local.writing(1, Arc::new(writer));
        assert_eq!(writer.self_contained(), savepoint);
        writer.upload(Scope::Shared, "f", &path).unwrap();
        assert_eq!(rig.names(), 0);
    }
}
