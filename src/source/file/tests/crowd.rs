//! Tests of many sources in one directory.

use super::*;
use crate::model::{Batch, SecretKey};

#[test]
fn sources_in_one_directory_share_its_listing() {
    let root = tempfile::tempdir().unwrap();
    let (real, clock) = (Refusing::default(), Arc::<ManualClock>::default());
    let fs = SharedFs::new(real.clone(), clock.clone());
    let names: Vec<_> = (0..50).map(|nth| format!("{nth}.log")).collect();
    for name in &names {
        write(root.path().join(name), format!("{name} now\n")).unwrap();
        write(
            root.path().join(format!("{name}.1")),
            format!("{name} before\n"),
        )
        .unwrap();
    }
    for name in &names {
        let settings = settings(&root, &[name], Start::Beginning, LIMIT);
        let mut source = FileSource::new(&settings, fs.clone(), clock.clone(), SecretKey::random());
        source.discover(&mut |_| {});
        let mut lines = Vec::new();
        let mut buffer = ReadBuffer::default();
        let mut sink = |batch: &Batch<'_>| lines.extend(batch.lines().map(<[u8]>::to_vec));
        while source.poll(&mut buffer, &mut sink, &mut |_| {}) == Progress::More {}
        assert_eq!(lines, [format!("{name} now").as_bytes()]);
    }
    assert_eq!(real.lists(), 2);
}
