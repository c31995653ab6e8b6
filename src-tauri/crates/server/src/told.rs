//! How what a rule tells leaves the house: its words, and a link to what they are about.

use branchline_engine::ToldRow;

/// What became of a delivery that was taken.
pub(crate) const TOLD: &str = "told";
/// What became of a mail that there is no server to give to: it is in the outbox.
pub(crate) const KEPT: &str = "kept";

/// The page of the job or run, where it is about one.
pub(crate) fn link(told: &ToldRow, base: &str) -> Option<String> {
    let subject = told.subject.as_deref()?;
    Some(match told.experiment {
        Some(experiment) => format!("{base}/#/experiments/{experiment}/runs/{subject}"),
        None => format!("{base}/#/jobs?job={subject}"),
    })
}

/// All of it as text.
pub(crate) fn text(told: &ToldRow, base: &str) -> String {
    let words = &told.words;
    let link = link(told, base).map(|link| format!("\n{link}")).unwrap_or_default();
    format!("{}\n{}{link}", words.title, words.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use branchline_core::{ExperimentId, Words};

    #[test]
    fn the_words_are_followed_by_the_page_that_they_are_about() {
        let words = Words { title: "loss is NaN".into(), text: "In run a.".into() };
        let subject = Some("7f".to_owned());
        let mut told = ToldRow { words, subject, experiment: Some(ExperimentId(3)) };
        let base = "https://lab";
        let run = "loss is NaN\nIn run a.\nhttps://lab/#/experiments/3/runs/7f";
        assert_eq!(text(&told, base), run);
        told.experiment = None;
        assert_eq!(link(&told, base).as_deref(), Some("https://lab/#/jobs?job=7f"));
        told.subject = None;
        assert_eq!(text(&told, base), "loss is NaN\nIn run a.");
    }
}
