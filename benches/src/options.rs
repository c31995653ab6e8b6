//! What to measure, and how much of it.

use anyhow::{Result, bail, ensure};
use branchline_testkit::Peer;
use std::path::PathBuf;
use tempfile::TempDir;

/// The command line, and the folder that all stores live in.
#[derive(Debug)]
pub(crate) struct Options {
    /// A tenth of the work, to see that everything runs.
    pub(crate) quick: bool,
    /// Also a hundred thousand runs and a million points, which take most of the time.
    pub(crate) large: bool,
    /// Workloads to run; all when empty.
    only: Vec<String>,
    /// Where to write the figures as JSON.
    pub(crate) json: Option<PathBuf>,
    /// Whom to measure beside us; none with `--no-peer`.
    pub(crate) peers: Vec<Peer>,
    /// On the disk that is measured.
    folder: TempDir,
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let root =
            std::env::var_os("BRANCHLINE_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let folder = tempfile::Builder::new().prefix("branchline-bench").tempdir_in(root)?;
        let mut options = Self {
            quick: false,
            large: true,
            only: Vec::new(),
            json: None,
            peers: Peer::ALL.to_vec(),
            folder,
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match (argument.as_str(), rest.len()) {
                ("--quick", _) => options.quick = true,
                ("--no-large", _) => options.large = false,
                ("--no-peer", _) => options.peers.clear(),
                ("--only", 1..) => {
                    options.only = rest
                        .next()
                        .into_iter()
                        .flat_map(|text| text.split(','))
                        .map(str::to_owned)
                        .collect();
                }
                ("--json", 1..) => options.json = rest.next().map(PathBuf::from),
                _ => bail!(
                    "usage: benches/run [--quick] [--no-large] [--no-peer] [--only W1,W5] [--json FILE]"
                ),
            }
        }
        for peer in &options.peers {
            let name = peer.name();
            ensure!(
                peer.version().is_some(),
                "{name} is not installed in .venv: run scripts/setup bench, or leave the peers out with --no-peer"
            );
        }
        Ok(options)
    }

    pub(crate) fn wants(&self, workload: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == workload)
    }

    pub(crate) fn wants_any(&self, workloads: &[&str]) -> bool {
        workloads.iter().any(|workload| self.wants(workload))
    }

    /// A count, or a tenth of it in a quick run.
    pub(crate) fn count(&self, full: usize) -> usize {
        if self.quick { (full / 10).max(1) } else { full }
    }

    /// A path on the measured disk.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
