//! Reads any bytes as a checkpoint, and any contents as its sections with right checksums: what is valid is encoded to the
//! same bytes, and is not valid any more once one bit is changed.
#![no_main]

use httplog_exporter::state::codec::encode;
use httplog_exporter::state::{Durability, Header, Host, Untrusted, Version, Writer};
use libfuzzer_sys::fuzz_target;

const KINDS: [[u8; 4]; 4] = [*b"SHRD", *b"SRCE", *b"LINK", *b"LATE"];

fuzz_target!(|input: (u32, &[u8])| {
    let (place, bytes) = input;
    examine(bytes, place);
    examine(&assembled(bytes), place);
});

/// Returns a file of sections, each of which is a kind, a length of two bytes, and a content.
fn assembled(mut bytes: &[u8]) -> Vec<u8> {
    let header = Header::new(1, 2, Host::default(), Durability::Power);
    let mut writer = Writer::new(&header, 0);
    while let Some(([kind, low, high], rest)) = bytes.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (content, rest) = rest.split_at(length);
        writer.raw_section(KINDS[usize::from(kind % 4)], content);
        bytes = rest;
    }
    writer.finish()
}

fn examine(bytes: &[u8], place: u32) {
    let read = |bytes: &[u8]| Untrusted::parse(bytes).and_then(Untrusted::validate);
    let Ok(checkpoint) = read(bytes) else {
        return;
    };
    let (header, saved) = checkpoint.into_parts();
    if header.version > Version::CURRENT {
        // What this program does not know is not kept.
        return;
    }
    assert_eq!(encode(&header, &saved, 0).unwrap(), bytes);
    let mut changed = bytes.to_vec();
    let bit = place as usize % (bytes.len() * 8);
    changed[bit / 8] ^= 1 << (bit % 8);
    assert!(read(&changed).is_err(), "bit {bit}");
}
