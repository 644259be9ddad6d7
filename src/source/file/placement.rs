//! Decides from where a file is read whose text may have been read before, in another file or in this one.
//!
//! Invariant: of a text that is known, no line is read again; a text is known only if it identifies itself. What only the
//! other file holds is still read from there.

use std::io;

use super::adopt::Adoption;
use super::compare::{common_before, find_ending, is_distinctive_until, lines_before};
use super::doubt::{Doubt, Reason, Wait};
use super::event::FileEvent;
use super::findings::{Judgment, Part};
use super::fs::{Fs, read_upto};
use super::known::{FORMER_BYTES, compare};
use super::lines::{ending_at_start, is_distinctive};
use super::open::Generation;
#[cfg(test)]
use super::tests::planted::{Fault, is_planted};
use crate::model::GenerationId;

/// Most texts, one behind the other in a file, that are known in one examination.
const MOST_TEXTS: usize = 16;

impl<F: Fs> Adoption<'_, F> {
    /// Examines a file in doubt; returns whether it can be read on, or examined on, at once.
    pub(super) fn examine(&mut self, id: GenerationId) -> bool {
        let doubt = self.open.get(id).and_then(|own| own.doubt.as_deref());
        if let Some(doubt) = doubt
            && let Reason::Rewritten { unread, listed } = doubt.reason
            && doubt.is_over(self.now)
            && self.resume_in_copy(id, unread, listed)
        {
            return true;
        }
        let Some(mut own) = self.open.take(id) else {
            return false;
        };
        let is_decided = match own.doubt.take() {
            Some(doubt) => self.decide_doubt(&mut own, doubt),
            None => true,
        };
        let is_unfinished = own.doubt.as_ref().is_some_and(|doubt| doubt.is_unfinished);
        let is_held = own.doubt.as_ref().is_some_and(|doubt| doubt.is_held);
        own.has_more |= is_decided || is_held;
        if is_decided {
            own.compare_next();
        }
        self.open.put_back(own);
        is_decided || is_unfinished
    }

    /// Returns whether it was decided from where to read; otherwise the doubt remains.
    fn decide_doubt(&mut self, own: &mut Generation<F::File>, mut doubt: Box<Doubt>) -> bool {
        let judgment = match doubt.reason {
            Reason::New { listed } => self.judge_new(own, &mut doubt, listed),
            Reason::Rewritten { unread, listed } => {
                return self.decide_rewritten(own, doubt, unread, listed);
            }
            Reason::Left { .. } => return self.decide_left(own, doubt),
        };
        let judgment = match judgment {
            // A file that cannot be compared for long is not held up by it.
            Err(_) if doubt.waited(self.open.rotate_wait(), self.now) => {
                known_until(doubt.part_end)
            }
            Err(_) => {
                own.doubt = Some(doubt);
                return false;
            }
            Ok(judgment) => judgment,
        };
        let judgment = match judgment {
            Judgment::Part { of, end } => {
                doubt.part_end = end;
                doubt.wait(match of {
                    Part::OfKnown => Wait::UntilQuiet(self.open.rotate_wait()),
                    Part::OfFormer => Wait::Brief,
                });
                if doubt.is_over(self.now) {
                    known_until(end)
                } else {
                    judgment
                }
            }
            other => other,
        };
        match judgment {
            Judgment::Unknown => {
                self.open.forget_formers(&own.path);
                own.begun = doubt.seen();
                own.is_announced || self.announce(own)
            }
            Judgment::Known { end, other } => {
                let line_bytes = self.open.line_bytes;
                let end = end.max(own.offset);
                if own.seek_line(self.fs, end, line_bytes).is_err() {
                    own.doubt = Some(doubt);
                    return false;
                }
                self.open.forget_formers(&own.path);
                own.begun = doubt.seen();
                self.history.note_continued(&own.base, 0..=end);
                match other.and_then(|(id, end)| Some((self.open.get_mut(id)?, end))) {
                    Some((other, end)) => {
                        other.counted_elsewhere = Some(end);
                        own.history_end = 0;
                    }
                    None => own.counted_elsewhere = Some(end),
                }
                self.announce(own)
            }
            Judgment::Part { .. } | Judgment::Unfinished | Judgment::Held => {
                doubt.is_unfinished = judgment == Judgment::Unfinished;
                doubt.is_held = judgment == Judgment::Held;
                own.doubt = Some(doubt);
                false
            }
        }
    }

    fn announce(&mut self, own: &mut Generation<F::File>) -> bool {
        own.is_announced = true;
        let (path, offset) = (own.path.clone(), own.offset);
        (self.events)(FileEvent::Opened { path, offset });
        true
    }

    /// Judges a file that appeared in moment `listed`.
    fn judge_new(
        &self,
        own: &mut Generation<F::File>,
        doubt: &mut Doubt,
        listed: u64,
    ) -> io::Result<Judgment> {
        let size = own.check_size(self.fs)?;
        doubt.begin(size, self.now);
        #[cfg(test)]
        if is_planted(Fault::NoText) {
            return Ok(Judgment::Unknown);
        }
        let former = match self.judge_former(own, doubt, size)? {
            Judgment::Unknown => self.judge_replacing_gone(own, size)?,
            known => known,
        };
        let former_end = match former {
            Judgment::Known { end, .. } => end,
            Judgment::Unknown => 0,
            undecided => return Ok(undecided),
        };
        Ok(match self.judge_others(own, doubt, size, listed)? {
            // Other files hold more of it than the one whose place it took.
            known @ Judgment::Known { end, .. } if end > former_end => known,
            waiting @ (Judgment::Held
            | Judgment::Unfinished
            | Judgment::Part {
                of: Part::OfKnown, ..
            }) => waiting,
            other if former == Judgment::Unknown => other,
            _ => former,
        })
    }

    /// Judges a file that appeared in moment `listed` by the texts of all other files, wherever they are.
    fn judge_others(
        &self,
        own: &Generation<F::File>,
        doubt: &mut Doubt,
        size: u64,
        listed: u64,
    ) -> io::Result<Judgment> {
        for _ in 0..MOST_TEXTS {
            let from = doubt.known;
            let judgment = self.judge_behind(own, from, doubt, size, listed)?;
            match judgment {
                Judgment::Known { end, .. } => doubt.known = end,
                Judgment::Part {
                    of: Part::OfFormer, ..
                }
                | Judgment::Unknown
                    if from > 0 =>
                {
                    break;
                }
                other => return Ok(other),
            }
            if doubt.known >= size {
                break;
            }
        }
        let (end, other) = (doubt.known, None);
        Ok(Judgment::Known { end, other })
    }

    /// Judges a file by those that its path led to before and that were not rotated; the most of it that one of them proves is
    /// known.
    fn judge_former(
        &self,
        own: &Generation<F::File>,
        doubt: &mut Doubt,
        size: u64,
    ) -> io::Result<Judgment> {
        let mut best = Judgment::Unknown;
        for (old, is_nameless) in self.open.former(self.fs, own) {
            if !is_nameless && self.is_rotated(own, old) {
                continue;
            }
            let judgment = self.judge_replacing(own, old, is_nameless, doubt, size)?;
            best = match (best, judgment) {
                (Judgment::Known { end: best_end, .. }, Judgment::Known { end, .. })
                    if best_end >= end =>
                {
                    best
                }
                (_, known @ Judgment::Known { .. }) => known,
                (best, Judgment::Unknown) | (best @ Judgment::Known { .. }, _) => best,
                (_, undecided) => return Ok(undecided),
            };
        }
        Ok(best)
    }

    /// Judges a file that took the place of `old`: what both hold at their beginning, or up to the last lines of the old one, is
    /// known. If the old one still has a name, it may have been rotated to a place that is not searched, and a new log may begin
    /// with some of its lines: all of them, or [`FORMER_BYTES`], must be the same.
    fn judge_replacing(
        &self,
        own: &Generation<F::File>,
        old: &Generation<F::File>,
        is_nameless: bool,
        doubt: &mut Doubt,
        size: u64,
    ) -> io::Result<Judgment> {
        let fs = self.fs;
        let same = compare(fs, &mut doubt.prefix, (own, 0), (old, 0))?;
        let Some(same) = same else {
            return Ok(Judgment::Unfinished);
        };
        let lines = self.lines_end(old)?;
        let is_known = is_distinctive_until(fs, &own.file, same)?;
        let proves = |bytes: u64| is_nameless || bytes >= FORMER_BYTES.min(lines);
        let judged = |judgment| {
            if is_known && proves(same) {
                judgment
            } else {
                Judgment::Unknown
            }
        };
        if same >= lines {
            let other = Some((old.id, same));
            return Ok(judged(Judgment::Known { end: same, other }));
        }
        if same == size {
            let of = Part::OfKnown;
            return Ok(judged(Judgment::Part { of, end: size }));
        }
        // Lines were removed, inserted or changed behind their common beginning.
        for end in [lines, old.consumed.end] {
            let last = lines_before(fs, &old.file, end)?;
            if !is_distinctive(&last) {
                continue;
            }
            let place = match find_ending(fs, &own.file, size, &last)? {
                None => self.ending_in(own, &last)?,
                found => found,
            };
            let Some(place) = place else {
                continue;
            };
            let before = common_before(fs, (&own.file, place), (&old.file, end), FORMER_BYTES)?;
            if proves((same + before).min(place)) {
                let same = compare(fs, &mut doubt.beyond, (own, place), (old, end))?;
                return Ok(same.map_or(Judgment::Unfinished, |same| Judgment::Known {
                    end: place + same,
                    other: Some((old.id, end + same)),
                }));
            }
        }
        let other = None;
        Ok(judged(Judgment::Known { end: same, other }))
    }

    /// Judges a file by those that its path led to before a restart, and that are gone: what it holds up to their last lines is
    /// known, or all of it if it is their beginning.
    fn judge_replacing_gone(&self, own: &Generation<F::File>, size: u64) -> io::Result<Judgment> {
        for former in self.open.formers_at(&own.path) {
            if size >= former.end && former.begins(self.fs, &own.file)? {
                let (end, other) = (former.end, None);
                return Ok(Judgment::Known { end, other });
            }
            let last = own.last_lines_of(self.fs, former)?;
            let place = match find_ending(self.fs, &own.file, size, &last)? {
                None => self.ending_in(own, &last)?,
                found => found,
            };
            if let Some(end) = place {
                let other = None;
                return Ok(Judgment::Known { end, other });
            }
            let (same, is_all) = own.kept(self.fs, former)?;
            if is_all && same > 0 && is_distinctive_until(self.fs, &own.file, size)? {
                let (of, end) = (Part::OfKnown, size);
                return Ok(Judgment::Part { of, end });
            }
        }
        Ok(Judgment::Unknown)
    }

    /// Returns the end of the last of these lines if the file begins with them.
    pub(super) fn ending_in(
        &self,
        own: &Generation<F::File>,
        lines: &[u8],
    ) -> io::Result<Option<u64>> {
        let head = read_upto(self.fs, &own.file, 0..lines.len() as u64)?;
        Ok(ending_at_start(lines, &head).map(|end| end as u64))
    }
}

/// Returns the judgment about a file of which the first `end` bytes are known.
fn known_until(end: u64) -> Judgment {
    if end == 0 {
        return Judgment::Unknown;
    }
    let other = None;
    Judgment::Known { end, other }
}
