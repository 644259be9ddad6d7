//! Histories from seeds: those that go wrong are searched on all processors, shortened and shown.

/// Asserts that no seed goes wrong: of `SEEDS=FROM..TO` if that is set, else of the first `count`. Shows `MOST` descriptions, or
/// one. `make` makes what a thread needs for all of its histories.
pub(crate) fn assert_right<W>(
    count: u64,
    make: impl Fn() -> W + Sync,
    is_wrong: impl Fn(&W, u64) -> bool + Sync,
    describe: impl Fn(&W, u64) -> String,
) {
    let seeds = std::env::var("SEEDS").map_or(0..count, |seeds| {
        let (from, to) = seeds.split_once("..").expect("SEEDS is FROM..TO");
        from.parse().unwrap()..to.parse().unwrap()
    });
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut found: Vec<u64> = std::thread::scope(|scope| {
        let parts = (0..threads).map(|thread| seeds.clone().skip(thread).step_by(threads));
        let wrong = |own: &mut dyn Iterator<Item = u64>| {
            let with = make();
            own.filter(|seed| is_wrong(&with, *seed))
                .collect::<Vec<_>>()
        };
        let running: Vec<_> = parts
            .map(|mut own| scope.spawn(move || wrong(&mut own)))
            .collect();
        let joined = running.into_iter().map(|thread| thread.join().unwrap());
        joined.flatten().collect()
    });
    found.sort_unstable();
    let most = std::env::var("MOST").map_or(1, |most| most.parse().unwrap());
    let with = make();
    let shown = found.iter().take(most).map(|seed| describe(&with, *seed));
    let shown: Vec<_> = shown.collect();
    assert!(
        found.is_empty(),
        "{} of {} seeds are wrong: {found:?}\n{}",
        found.len(),
        seeds.end - seeds.start,
        shown.join("\n\n")
    );
}

/// Returns a short history that goes wrong, found by leaving out ever smaller parts.
pub(crate) fn shrink<T: Clone>(mut operations: Vec<T>, is_wrong: impl Fn(&[T]) -> bool) -> Vec<T> {
    let mut part = operations.len();
    while part > 0 {
        let mut from = 0;
        while from < operations.len() {
            let mut less = operations.clone();
            less.drain(from..(from + part).min(less.len()));
            if is_wrong(&less) {
                operations = less;
            } else {
                from += part;
            }
        }
        part /= 2;
    }
    operations
}
