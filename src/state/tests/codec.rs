//! Tests of the format.

use std::path::Path;

use serde::Serialize;

use super::super::codec::encode;
use super::super::{
    Checkpoint, Damage, Durability, Header, Host, Inconsistency, Untrusted, Unusable, Version,
    Writer,
};
use super::{header, large, numbered, small, two_fronts};
use crate::model::{Saved, SavedFronts, SavedSource};

const SHARED: &[u8; 4] = b"SHRD";
const SOURCE: &[u8; 4] = b"SRCE";
const LINK: &[u8; 4] = b"LINK";
const FRONTS: &[u8; 4] = b"FRNT";

fn read(bytes: &[u8]) -> Result<Checkpoint, Unusable> {
    Untrusted::parse(bytes)?.validate()
}

fn written(saved: &Saved) -> Vec<u8> {
    encode(&header(9), saved, 0).unwrap()
}

/// Returns a file of these sections.
fn assembled(header: &Header, sections: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut writer = Writer::new(header, 0);
    for (kind, content) in sections {
        writer.raw_section(**kind, content);
    }
    writer.finish()
}

fn key() -> Vec<u8> {
    postcard::to_stdvec(&([1_u64, 2], false)).unwrap()
}

fn source(name: &str) -> SavedSource {
    let mut source = small().sources.swap_remove(0);
    source.name = name.into();
    source
}

fn encoded(content: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(content).unwrap()
}

#[test]
fn what_is_written_is_read() {
    for saved in [Saved::default(), small(), large(100), two_fronts()] {
        let bytes = written(&saved);
        let checkpoint = read(&bytes).unwrap();
        assert_eq!(checkpoint.saved(), &saved);
        assert_eq!(checkpoint.header(), &header(9));
        let (header, saved) = checkpoint.into_parts();
        assert_eq!(encode(&header, &saved, 0).unwrap(), bytes);
    }
}

#[test]
fn each_bit_of_a_file_is_protected() {
    let mut bytes = written(&small());
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            let error = read(&bytes).unwrap_err();
            // A changed bit does not look like a newer program's file, for which a start is refused.
            let is_newer = matches!(error, Unusable::Newer { .. });
            assert!(!is_newer, "bit {bit} of byte {at}: {error}");
            bytes[at] ^= 1 << bit;
        }
    }
    read(&bytes).unwrap();
}

#[test]
fn a_file_of_another_length_is_damaged() {
    let bytes = written(&small());
    for length in 0..bytes.len() {
        let error = read(&bytes[..length]).unwrap_err();
        let is_damaged = matches!(error, Unusable::Damaged { .. });
        assert!(is_damaged, "{length} bytes: {error}");
    }
    for excess in [&b"\0"[..], b"TRLR", &bytes] {
        read(&[&bytes, excess].concat()).unwrap_err();
    }
}

#[test]
fn bits_and_lengths_of_a_large_file_are_protected() {
    let mut bytes = written(&large(2_000));
    let mut state = 1_u64;
    for _ in 0..300 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let at = (state >> 33) as usize % bytes.len();
        let bit = state >> 29 & 7;
        bytes[at] ^= 1 << bit;
        read(&bytes).unwrap_err();
        bytes[at] ^= 1 << bit;
        read(&bytes[..at]).unwrap_err();
    }
    read(&bytes).unwrap();
}

#[test]
fn blocks_of_two_checkpoints_do_not_make_one() {
    let (one, other) = (written(&numbered(1)), written(&numbered(2)));
    assert_eq!(one.len(), other.len());
    for length in 0..=one.len() {
        let mixed = [&one[..length], &other[length..]].concat();
        let is_one_of_them = mixed == one || mixed == other;
        assert_eq!(read(&mixed).is_ok(), is_one_of_them, "{length}");
    }
    let section = (SOURCE, encoded(&source("a")));
    let file = |number| assembled(&header(number), &[(SHARED, key()), section.clone()]);
    // Sections that are equal in both, with the trailer of the other.
    let (one, other) = (file(1), file(2));
    let trailer = one.len() - 20;
    let error = read(&[&one[..trailer], &other[trailer..]].concat()).unwrap_err();
    assert_eq!(error, Damage::Mixed.at(trailer));
}

#[test]
fn what_is_not_a_checkpoint_is_named() {
    let damaged = |damage: Damage| damage.at(0);
    for (bytes, error) in [
        (&b""[..], damaged(Damage::Empty)),
        (&[0; 5], damaged(Damage::Zeros)),
        (&[0; 5_000], damaged(Damage::Zeros)),
        (b"\x89hlx", Damage::Cut.at(4)),
        (b"\x89hlx\r\n\x1a\n", Damage::Cut.at(8)),
        (b"\x89hlx\n\x1a\n and more", Unusable::Foreign),
        (b"#!/bin/sh\n", Unusable::Foreign),
        (b"x", Unusable::Foreign),
    ] {
        assert_eq!(read(bytes).unwrap_err(), error, "{}", bytes.escape_ascii());
    }
}

/// Returns a file whose header has these versions and more fields, and that may have an unknown section and bytes behind
/// the known content.
fn of_version(version: Version, more: &[u8], has_unknown: bool, behind: &[u8]) -> Vec<u8> {
    let (kind, mut content) = (SOURCE, encoded(&source("nginx")));
    content.extend_from_slice(behind);
    let mut header = header(9);
    header.version = version;
    header.writer = "1.7.3".into();
    let mut sections = vec![(SHARED, key()), (kind, content)];
    if has_unknown {
        sections.insert(1, (b"LATE", b"later".to_vec()));
    }
    let file = assembled(&header, &sections);
    if more.is_empty() {
        return file;
    }
    // The header grows, and the checksums with it.
    let mut longer = file[..76].to_vec();
    longer[12..16].copy_from_slice(&u32::try_from(80 + more.len()).unwrap().to_le_bytes());
    longer.extend_from_slice(more);
    let crc = crc32fast::hash(&longer).to_le_bytes();
    longer.extend_from_slice(&crc);
    longer.extend_from_slice(&file[80..file.len() - 20]);
    let mut trailer = b"TRLR".to_vec();
    let mut whole = crc.to_vec();
    let mut at = 80 + more.len();
    while at < longer.len() {
        whole.extend_from_slice(&longer[at + 4..at + 8]);
        let length = longer[at + 8..at + 16].try_into().unwrap();
        at += 16 + usize::try_from(u64::from_le_bytes(length)).unwrap();
    }
    let (length, whole) = (4_u64.to_le_bytes(), crc32fast::hash(&whole).to_le_bytes());
    let own = crc32fast::hash(&[&trailer[..], &length, &whole].concat());
    trailer.extend_from_slice(&own.to_le_bytes());
    trailer.extend_from_slice(&length);
    trailer.extend_from_slice(&whole);
    [longer, trailer].concat()
}

#[test]
fn a_newer_minor_version_is_read_as_far_as_it_is_known() {
    let newer = Version { major: 1, minor: 1 };
    for (more, has_unknown, behind) in [
        (&b""[..], false, &b""[..]),
        (b"\x01\x02\x03", false, b""),
        (b"", true, b""),
        (b"", false, b"\x07"),
        (b"new", true, b"new"),
    ] {
        let checkpoint = read(&of_version(newer, more, has_unknown, behind)).unwrap();
        assert_eq!(checkpoint.saved().sources, [source("nginx")]);
        assert_eq!(checkpoint.header().version, newer);
        // This version has none of it.
        let same = of_version(Version::CURRENT, more, has_unknown, behind);
        assert_eq!(
            read(&same).is_ok(),
            behind.is_empty() && !has_unknown && more.is_empty()
        );
    }
}

#[test]
fn a_newer_major_version_is_refused_with_the_program_that_reads_it() {
    let version = Version { major: 2, minor: 0 };
    for more in [&b""[..], b"of another kind"] {
        let error = read(&of_version(version, more, true, b"?")).unwrap_err();
        let writer = "1.7.3".to_owned();
        assert_eq!(error, Unusable::Newer { version, writer });
        assert_eq!(
            error.to_string(),
            "written by httplog-exporter 1.7.3 in format 2.0, and this program reads up to 1.x"
        );
    }
    let none = Version { major: 0, minor: 9 };
    let error = read(&of_version(none, b"", false, b"")).unwrap_err();
    assert_eq!(error, Damage::Header.at(8));
}

#[test]
fn sections_that_do_not_belong_there_are_refused() {
    let source = || (SOURCE, encoded(&source("a")));
    let shared = || (SHARED, key());
    let link = || (LINK, encoded(&small().links[0]));
    let fronts = || (FRONTS, encoded(&two_fronts().links[0].others));
    for sections in [
        vec![],
        vec![source()],
        vec![source(), shared()],
        vec![shared(), shared()],
        vec![shared(), link(), source()],
        vec![link(), shared()],
        vec![shared(), fronts()],
        vec![shared(), link(), fronts(), fronts()],
        vec![shared(), link(), (FRONTS, encoded(&SavedFronts::default()))],
        vec![shared(), (b"LATE", Vec::new())],
        vec![(SHARED, Vec::new())],
        vec![shared(), (SOURCE, Vec::new())],
    ] {
        read(&assembled(&header(1), &sections)).unwrap_err();
    }
    read(&assembled(&header(1), &[shared(), source(), link()])).unwrap();
    read(&assembled(&header(1), &[shared(), link(), fronts()])).unwrap();
}

#[test]
fn a_number_has_one_encoding() {
    let mut content = vec![1, 2, 0];
    read(&assembled(&header(1), &[(SHARED, content.clone())])).unwrap();
    content.splice(1..2, [0x82, 0]);
    read(&assembled(&header(1), &[(SHARED, content)])).unwrap_err();
}

#[test]
fn only_series_of_native_histograms_have_different_numbers_of_numbers() {
    let encoded = |definition: &str| {
        let mut saved = small();
        let family = &mut saved.sources[0].families[0];
        family.definition = definition.into();
        let mut other = family.series[0].clone();
        other.labels[0] = "POST".into();
        other.values.extend([3, 0, 7, 1]);
        family.series.push(other);
        encode(&header(9), &saved, 0).map(|bytes| {
            assert_eq!(*read(&bytes).unwrap().saved(), saved);
        })
    };
    assert_eq!(encoded("NativeHistogram(Duration, [10])"), Ok(()));
    encoded("Histogram(Duration, [10])").unwrap_err();
}

#[test]
fn a_content_that_contradicts_itself_is_neither_written_nor_read() {
    let changed = |change: &dyn Fn(&mut Saved)| {
        let mut saved = small();
        change(&mut saved);
        saved
    };
    let source_name = || "nginx".to_owned();
    let family = || "requests".to_owned();
    let series = Inconsistency::Series {
        source_name: source_name(),
        family: family(),
    };
    let name = |name: &str| Inconsistency::Name {
        source_name: source_name(),
        name: name.into(),
    };
    for (saved, error) in [
        (
            changed(&|saved| saved.sources[1].name = "nginx".into()),
            Inconsistency::Source(source_name()),
        ),
        (
            changed(&|saved| {
                let families = &mut saved.sources[0].families;
                families.push(families[0].clone());
            }),
            Inconsistency::Family {
                source_name: source_name(),
                family: family(),
            },
        ),
        (
            changed(&|saved| {
                let series = &mut saved.sources[0].families[0].series;
                series.push(series[0].clone());
            }),
            series.clone(),
        ),
        (
            changed(&|saved| saved.sources[0].families[0].series[0].values.clear()),
            series.clone(),
        ),
        (
            changed(&|saved| {
                let series = &mut saved.sources[0].families[0].series;
                let mut other = series[0].clone();
                other.labels.push("more".into());
                series.push(other);
            }),
            series.clone(),
        ),
        (
            changed(&|saved| {
                let series = &mut saved.sources[0].families[0].series;
                let mut other = series[0].clone();
                other.labels[0] = "other".into();
                other.values.pop();
                series.push(other);
            }),
            series.clone(),
        ),
        (
            changed(&|saved| saved.sources[0].routes.names.push("/a/".into())),
            name("/a/"),
        ),
        (
            changed(&|saved| saved.sources[0].ledger.rejected.push(("format".into(), 1))),
            name("format"),
        ),
        (
            changed(&|saved| saved.sources[0].ledger.skipped.push(("empty".into(), 1))),
            name("empty"),
        ),
    ] {
        refused(&saved, error);
    }
}

#[test]
fn a_link_that_contradicts_itself_is_neither_written_nor_read() {
    let changed = |change: &dyn Fn(&mut Saved)| {
        let mut saved = small();
        change(&mut saved);
        saved
    };
    let other = |change: &dyn Fn(&mut SavedFronts)| {
        let mut saved = two_fronts();
        change(&mut saved.links[0].others);
        saved
    };
    for saved in [
        changed(&|saved| saved.links.push(saved.links[0].clone())),
        changed(&|saved| saved.links[0].backs.clear()),
        changed(&|saved| saved.links[0].unreached.clear()),
        other(&|fronts| fronts.fronts[0].name = "nginx".into()),
        other(&|fronts| fronts.fronts[0].unreached.clear()),
        other(&|fronts| fronts.requests[0] = 2),
        other(&|fronts| fronts.requests[1] = 1),
        other(&|fronts| fronts.requests.truncate(2)),
    ] {
        refused(&saved, Inconsistency::Link("nginx".into()));
    }
    // No file has fronts of requests without fronts.
    let mut saved = small();
    saved.links[0].others.requests.push(0);
    encode(&header(1), &saved, 0).unwrap_err();
}

/// Asserts that a content is neither written nor read.
fn refused(saved: &Saved, error: Inconsistency) {
    assert_eq!(encode(&header(1), saved, 0).unwrap_err(), error);
    let mut sections = vec![(SHARED, key())];
    sections.extend(saved.sources.iter().map(|it| (SOURCE, encoded(it))));
    for link in &saved.links {
        sections.push((LINK, encoded(link)));
        if !link.others.fronts.is_empty() {
            sections.push((FRONTS, encoded(&link.others)));
        }
    }
    let read = read(&assembled(&header(1), &sections)).unwrap_err();
    assert_eq!(read, Damage::Inconsistent(error).at(0));
}

#[test]
fn a_length_in_a_file_takes_no_more_memory_than_its_bytes_allow() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    let name = [1, b'a'];
    // Families, series, labels and values of this many items, behind a name, an input and an empty ledger.
    let begin = [&name[..], &[0, 0, 0, 0, 0, 0]].concat();
    let family = [&[1][..], &name, &name].concat();
    let series = [&family[..], &[1]].concat();
    let padding = vec![0; 100_000];
    for content in [
        huge.to_vec(),
        [&begin[..], &huge].concat(),
        [&begin[..], &family, &huge].concat(),
        [&begin[..], &series, &huge].concat(),
        [&begin[..], &series, &[0, 0], &huge].concat(),
        [&begin[..], &series, &[0xa0, 0x8d, 6], &padding].concat(),
    ] {
        let file = assembled(&header(1), &[(SHARED, key()), (SOURCE, content)]);
        let memory = allocation_counter::measure(|| {
            read(&file).unwrap_err();
        });
        let most = 30 * file.len() as u64 + (4 << 20);
        assert!(memory.bytes_max < most, "{memory:?}");
    }
    let mut file = written(&small());
    // The length of the first section.
    file[88..96].copy_from_slice(&u64::MAX.to_le_bytes());
    assert_eq!(read(&file).unwrap_err(), Damage::Cut.at(file.len()));
}

#[test]
fn a_state_that_was_not_synced_may_be_rolled_back_by_a_boot() {
    let host = super::HOST;
    let later = Host { boot: 3, ..host };
    for (durability, host, may_be) in [
        (Durability::Process, host, false),
        (Durability::Process, later, true),
        (Durability::Power, later, false),
    ] {
        let header = Header::new(1, 0, super::HOST, durability);
        let checkpoint = read(&encode(&header, &small(), 0).unwrap()).unwrap();
        assert_eq!(checkpoint.may_be_rolled_back(&host), may_be);
    }
}

/// The file of version 1.0 stays readable. As long as no release wrote it, `UPDATE_GOLDEN=1` rewrites it after a change of
/// the format; a later change takes another version and another file.
#[test]
fn the_golden_file_of_version_1_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/state/version-1.0");
    let mut header = header(3);
    header.writer = "0.1.0".into();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, encode(&header, &small(), 0).unwrap()).unwrap();
    }
    let checkpoint = read(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(checkpoint.saved(), &small());
    assert_eq!(checkpoint.header(), &header);
}
