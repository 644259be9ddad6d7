//! Judges the text of a file by the texts that open files and records hold.
//!
//! Invariant: a text is known only if it identifies itself, and if it was seen elsewhere before the file appeared.

use std::io;
use std::path::Path;

use super::adopt::Adoption;
use super::compare::{Common, is_distinctive_until, last_line_end};
use super::doubt::{Comparisons, Doubt};
use super::finder::{backups_of, may_lead};
use super::findings::{Findings, Judgment, Part};
use super::fingerprint::{HEAD_BYTES, LEAST_BYTES};
use super::finished::{Age, Text};
use super::fs::{Fs, read_upto};
use super::open::Generation;

/// Least bytes of the former text of a path by which a log there is its copy, and not a log that begins as the former
/// one did: equal requests within one second, or lines without a time.
pub(super) const FORMER_BYTES: u64 = HEAD_BYTES as u64;

impl<F: Fs> Adoption<'_, F> {
    /// Judges the text behind `from` in a file that appeared in moment `listed`: a file may hold several texts, one behind the
    /// other.
    pub(super) fn judge_behind(
        &self,
        own: &Generation<F::File>,
        from: u64,
        doubt: &mut Doubt,
        size: u64,
        listed: u64,
    ) -> io::Result<Judgment> {
        let head = read_upto(self.fs, &own.file, from..from + HEAD_BYTES as u64)?;
        if head.len() < LEAST_BYTES {
            return Ok(Judgment::Unknown);
        }
        // Files wait for those whose text was seen earlier, and never for each other.
        let earlier = listed.min(doubt.seen());
        let mut found = Findings::default();
        for old in self.open.seen_before(listed).filter(|old| old.id != own.id) {
            if old.begun < listed && old.consumed.agrees(&head) {
                match self.judge_copy((own, from), old, doubt, size)? {
                    Judgment::Known { end, .. } => {
                        if end - from >= FORMER_BYTES || !self.is_rotated(own, old) {
                            found.note_known(end, Age::PRESENT);
                        }
                    }
                    Judgment::Part { of, .. } => found.note_part(of, u64::MAX, Age::PRESENT),
                    Judgment::Unknown => {}
                    other => return Ok(other),
                }
            }
            if old.is_unread(earlier) && self.may_hold(old, doubt) {
                let text = read_upto(self.fs, &old.file, 0..HEAD_BYTES as u64)?;
                if agree(&text, &head) {
                    return Ok(Judgment::Held);
                }
            }
        }
        for text in self.history.texts_like(&head, size - from, listed) {
            if !self.is_like(own, from, &text)? {
                continue;
            }
            if text.consumed > size - from {
                let of = self.part_of(&text.base, own);
                found.note_part(of, from + text.compared, text.age);
            } else if (text.consumed >= FORMER_BYTES || !self.is_former(&text.base, own))
                && is_distinctive_until(self.fs, &own.file, from + text.consumed)?
            {
                found.note_known(from + text.consumed, text.age);
            }
        }
        if found.is_part() && !is_distinctive_until(self.fs, &own.file, size)? {
            found.forget_parts();
        }
        Ok(found.judgment(size))
    }

    /// Returns whether a file that holds the beginning of a consumed text at `from` still holds it where both can be compared
    /// last.
    fn is_like(&self, own: &Generation<F::File>, from: u64, text: &Text) -> io::Result<bool> {
        let Some((end, fingerprint)) = text.last else {
            return Ok(true);
        };
        let end = from + end;
        let start = end.saturating_sub(fingerprint.bytes.into());
        let there = read_upto(self.fs, &own.file, start..end)?;
        Ok(self.history.fingerprinter().fingerprint(&there) == fingerprint)
    }

    /// Judges a file that goes on at `from` as the consumed part of `old` does: a copy under a name of its own, or a log
    /// that was restored.
    fn judge_copy(
        &self,
        (own, from): (&Generation<F::File>, u64),
        old: &Generation<F::File>,
        doubt: &mut Doubt,
        size: u64,
    ) -> io::Result<Judgment> {
        let fs = self.fs;
        let known = old.consumed.end;
        let is_intact = old.consumed.begins(fs, &old.file)?;
        if size - from < known {
            if is_intact {
                match compare(fs, &mut doubt.prefix, (own, from), (old, 0))? {
                    None => return Ok(Judgment::Unfinished),
                    Some(same) if from + same < size => return Ok(Judgment::Unknown),
                    Some(_) => {}
                }
            }
            let of = match self.part_of(&old.base, own) {
                Part::OfFormer if self.is_backup(old) => Part::OfKnown,
                part => part,
            };
            return Ok(Judgment::Part { of, end: size });
        }
        let known_end = from + known;
        if !old.consumed.is_at(fs, &own.file, from)?
            || !is_distinctive_until(fs, &own.file, known_end)?
        {
            return Ok(Judgment::Unknown);
        }
        // The other file is read on itself, unless it is truncated before.
        let more = if is_intact {
            compare(fs, &mut doubt.beyond, (own, known_end), (old, known))?
        } else {
            Some(0)
        };
        let Some(more) = more else {
            return Ok(Judgment::Unfinished);
        };
        let lines_end = last_line_end(fs, &old.file, known + more)?;
        if is_intact && self.may_hold(old, doubt) && lines_end > known {
            return Ok(Judgment::Held);
        }
        let end = known_end + more;
        // What was consumed of a text is little while the rest of it is still to be read.
        let is_all = !is_intact || end == size || known + more >= self.lines_end(old)?;
        Ok(if is_all {
            Judgment::Known { end, other: None }
        } else {
            Judgment::Unknown
        })
    }

    /// Returns whether a file may wait until another one is read, or its doubt is decided. A file that cannot be read for
    /// long holds up no other.
    fn may_hold(&self, old: &Generation<F::File>, doubt: &Doubt) -> bool {
        !(old.is_faulty() && doubt.waited(self.open.rotate_wait(), self.now))
    }

    /// Returns which part a file is that is shorter than a known text of `base` and begins as it does.
    fn part_of(&self, base: &Path, own: &Generation<F::File>) -> Part {
        if self.is_former(base, own) {
            Part::OfFormer
        } else {
            Part::OfKnown
        }
    }

    /// Returns whether a text of `base` may be the former one of the path at which a file appeared.
    fn is_former(&self, base: &Path, own: &Generation<F::File>) -> bool {
        *base == *own.base || self.finder.is_literal(&own.path)
    }

    /// Returns whether `old` was renamed beside its path, to a name that no rotation gives.
    fn is_backup(&self, old: &Generation<F::File>) -> bool {
        let backups = backups_of(self.fs, &old.base);
        (backups.iter()).any(|path| may_lead(self.fs, path, old.file_id))
    }

    /// Returns whether `old` was rotated away from the path at which `own` appeared.
    pub(super) fn is_rotated(&self, own: &Generation<F::File>, old: &Generation<F::File>) -> bool {
        let is_named = || old.is_rotated_file_of(self.fs, &own.base, &own.targets);
        self.is_former(&old.base, own) && (old.was_rotated() || is_named())
    }

    /// Returns the end of the last whole line in an open file.
    pub(super) fn lines_end(&self, old: &Generation<F::File>) -> io::Result<u64> {
        let size = self.fs.fstat(&old.file)?.size;
        last_line_end(self.fs, &old.file, size)
    }
}

/// Compares two files on from these offsets; returns the number of common bytes, or `None` if more are to be compared.
pub(super) fn compare<F: Fs>(
    fs: &F,
    comparisons: &mut Comparisons,
    (own, from_own): (&Generation<F::File>, u64),
    (old, from_old): (&Generation<F::File>, u64),
) -> io::Result<Option<u64>> {
    let fresh = || Common::new(from_own, from_old);
    let common = comparisons.entry(old.id).or_insert_with(fresh);
    if !common.is_from(from_own, from_old) {
        *common = fresh();
    }
    common.advance(fs, &own.file, &old.file)
}

/// Returns whether two beginnings are the same as far as both are known.
fn agree(one: &[u8], other: &[u8]) -> bool {
    let both = one.len().min(other.len());
    both >= LEAST_BYTES && one[..both] == other[..both]
}
