//! The trash: looking at it, restoring from it, and deleting for good. The database goes
//! first and the files after: what a crash leaves between the two is noted, and goes next
//! time.

use crate::experiment::{check_max_results, page};
use crate::{Engine, permit};
use branchline_core::{Actor, Error, ErrorCode, ModelId, Page, Result, RunId};
use branchline_store::{Class, StoreResult, TrashItem, TrashKind, View, WriteTx};

/// Most things of one page or request.
pub(crate) const MOST: usize = 1_000;
/// Runs of an experiment that go in one write.
const RUNS_A_WRITE: usize = 40;
/// Traces of an experiment that go in one write.
const TRACES_A_WRITE: usize = 100;
/// Points that go in one write.
const POINTS_A_WRITE: i64 = 20_000;
/// Folders noted as leftovers that are looked at in a row.
const FOLDERS: usize = 200;

/// A thing in the trash with what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InTrash {
    /// The thing.
    pub item: TrashItem,
    /// Bytes of the database that get free, estimated.
    pub database_bytes: u64,
    /// Bytes of its files; absent where a client keeps them elsewhere.
    pub artifact_bytes: Option<u64>,
}

/// A page of the trash, and how much there is in all.
#[derive(Debug, Clone, PartialEq)]
pub struct TrashPage {
    /// Longest there last.
    pub page: Page<InTrash>,
    /// Experiments, runs and logged models in the trash.
    pub counts: [i64; 3],
}

/// What is to go for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrashChoice {
    /// These.
    Items(Vec<(TrashKind, String)>),
    /// All that is there since before `before`, but for what registered versions use.
    All {
        /// Milliseconds UTC; everything when `None`.
        before: Option<i64>,
    },
}

impl TrashChoice {
    /// What lies there since before `before`, milliseconds UTC.
    pub fn older_than(before: i64) -> Self {
        Self::All { before: Some(before) }
    }
}

/// What went, or would go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Emptied {
    /// Experiments.
    pub experiments: i64,
    /// Runs, those of the experiments among them.
    pub runs: i64,
    /// Logged models, but for those of the experiments.
    pub models: i64,
    /// Bytes of the database, estimated. The file keeps its size and uses them again.
    pub database_bytes: u64,
    /// Bytes of files.
    pub artifact_bytes: u64,
    /// Registered versions whose files go.
    pub versions: i64,
    /// Things that stay because registered versions were made from them.
    pub kept: i64,
    /// Things whose files a client keeps elsewhere: those stay where they are.
    pub elsewhere: i64,
}

impl Emptied {
    /// How many things.
    pub fn things(&self) -> i64 {
        self.experiments + self.runs + self.models
    }

    fn add(&mut self, thing: &InTrash) {
        match thing.item.kind {
            TrashKind::Experiment => {
                self.experiments += 1;
                self.runs += thing.item.runs;
            }
            TrashKind::Run => self.runs += 1,
            TrashKind::Model => self.models += 1,
        }
        self.database_bytes += thing.database_bytes;
        self.artifact_bytes += thing.artifact_bytes.unwrap_or(0);
        self.elsewhere += i64::from(thing.artifact_bytes.is_none());
        self.versions += thing.item.versions;
    }
}

impl Engine {
    /// One page of the trash.
    ///
    /// # Errors
    /// A token that is wrong.
    pub async fn trash(
        &self,
        actor: &Actor,
        kind: TrashKind,
        max_results: usize,
        token: Option<String>,
    ) -> Result<TrashPage> {
        check_max_results(max_results, MOST)?;
        let (found, counts) = self
            .read(actor, move |view| {
                let found = page(view.trash(kind, None, max_results, token.as_deref())?);
                Ok((with_bytes(view, found)?, view.trash_counts()?))
            })
            .await?;
        let mut items = Vec::with_capacity(found.items.len());
        for (item, bytes) in found.items {
            items.push(self.measured(item, bytes).await);
        }
        Ok(TrashPage { page: Page { items, next_page_token: found.next_page_token }, counts })
    }

    /// Brings things back; what is not in the trash any more is passed over. Answers how
    /// many came back.
    ///
    /// # Errors
    /// Too many at once; the database's.
    pub async fn restore_from_trash(
        &self,
        actor: &Actor,
        items: Vec<(TrashKind, String)>,
    ) -> Result<usize> {
        check_count(&items)?;
        self.track(actor, move |tx, actor| {
            let mut back = 0;
            for (kind, id) in items {
                let Ok(item) = tx.trash_item(kind, &id) else { continue };
                restore(tx, actor, &item)?;
                back += 1;
            }
            Ok(back)
        })
        .await
    }

    /// What would go with `choice`; nothing is changed.
    ///
    /// # Errors
    /// The actor may not; a thing that is not in the trash.
    pub async fn plan_trash(&self, actor: &Actor, choice: &TrashChoice) -> Result<Emptied> {
        permit::require_superuser(actor)?;
        let mut plan = Emptied::default();
        self.each_chosen(actor, choice, &mut plan, false).await?;
        Ok(plan)
    }

    /// Removes for good what `choice` says. What was restored meanwhile stays.
    ///
    /// # Errors
    /// The actor may not; a thing that is not in the trash; the database's or the disk's,
    /// after which what is left goes next time.
    pub async fn empty_trash(&self, actor: &Actor, choice: &TrashChoice) -> Result<Emptied> {
        permit::require_superuser(actor)?;
        let mut gone = Emptied::default();
        self.each_chosen(actor, choice, &mut gone, true).await?;
        self.sweep_leftovers().await?;
        Ok(gone)
    }

    async fn each_chosen(
        &self,
        actor: &Actor,
        choice: &TrashChoice,
        sum: &mut Emptied,
        erase: bool,
    ) -> Result<()> {
        match choice {
            TrashChoice::Items(items) => {
                check_count(items)?;
                let items = items.clone();
                let found = self
                    .read(actor, move |view| {
                        let items: Vec<TrashItem> = items
                            .iter()
                            .map(|(kind, id)| view.trash_item(*kind, id))
                            .collect::<StoreResult<_>>()?;
                        with_bytes(view, Page { items, next_page_token: None })
                    })
                    .await?;
                self.take(actor, found.items, sum, erase).await
            }
            TrashChoice::All { before } => {
                // Experiments first: their runs and models are not listed beside them.
                for kind in [TrashKind::Experiment, TrashKind::Run, TrashKind::Model] {
                    self.each_of_kind(actor, kind, *before, sum, erase).await?;
                }
                Ok(())
            }
        }
    }

    async fn each_of_kind(
        &self,
        actor: &Actor,
        kind: TrashKind,
        before: Option<i64>,
        sum: &mut Emptied,
        erase: bool,
    ) -> Result<()> {
        let mut token: Option<String> = None;
        loop {
            let from = token.take();
            let found = self
                .read(actor, move |view| {
                    let found = view.trash(kind, before, MOST, from.as_deref())?;
                    with_bytes(view, page(found))
                })
                .await?;
            let (used, free): (Vec<_>, Vec<_>) =
                found.items.into_iter().partition(|(item, _)| item.versions > 0);
            sum.kept += i64::try_from(used.len()).unwrap_or(i64::MAX);
            self.take(actor, free, sum, erase).await?;
            match found.next_page_token {
                Some(next) => token = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn take(
        &self,
        actor: &Actor,
        items: Vec<(TrashItem, i64)>,
        sum: &mut Emptied,
        erase: bool,
    ) -> Result<()> {
        for (item, bytes) in items {
            let thing = self.measured(item, bytes).await;
            if !erase || self.erase_item(actor, &thing.item).await? {
                sum.add(&thing);
            }
        }
        Ok(())
    }

    /// Rows only; files and points are noted.
    async fn erase_item(&self, actor: &Actor, item: &TrashItem) -> Result<bool> {
        if item.kind == TrashKind::Experiment {
            loop {
                let some = item.clone();
                let gone = self
                    .durably(actor, move |tx, actor| tx.erase_runs_of(actor, &some, RUNS_A_WRITE));
                if gone.await? == 0 {
                    break;
                }
            }
            loop {
                let some = item.clone();
                let gone = self.durably(actor, move |tx, actor| {
                    tx.erase_traces_of(actor, &some, TRACES_A_WRITE)
                });
                if gone.await? == 0 {
                    break;
                }
            }
        }
        let item = item.clone();
        self.durably(actor, move |tx, actor| tx.erase(actor, &item)).await
    }

    async fn measured(&self, item: TrashItem, bytes: i64) -> InTrash {
        let artifact_bytes = match self.inner.artifacts.size(&item.artifact_uri).await {
            Ok(bytes) if item.has_own_files() => Some(bytes),
            Ok(_) => None,
            Err(error) => {
                tracing::debug!(%error, uri = item.artifact_uri, "files in the trash were not measured");
                None
            }
        };
        InTrash { item, database_bytes: u64::try_from(bytes).unwrap_or(0), artifact_bytes }
    }

    /// Removes points and files of what is gone, a piece at a time.
    ///
    /// # Errors
    /// The database's. A folder that cannot be removed now is tried again next time.
    pub async fn sweep_leftovers(&self) -> Result<()> {
        let store = &self.inner.store;
        while store.write(Class::Tracking, |tx| tx.remove_points(POINTS_A_WRITE)).await? {}
        loop {
            let left = store.read(|view| view.leftover_files(FOLDERS)).await?;
            let mut done = Vec::new();
            for folder in left {
                let gone = self.inner.artifacts.proxied_path(&folder.artifact_uri, "");
                let gone = gone.ok().flatten().filter(|path| !path.is_empty());
                match self.remove_folder(folder.artifact_uri).await? {
                    Swept::Later => {}
                    Swept::Removed => done.push((folder.id, gone)),
                    Swept::Kept => done.push((folder.id, None)),
                }
            }
            let progress = !done.is_empty();
            store
                .write(Class::Durable, move |tx| {
                    done.into_iter().try_for_each(|(id, gone)| {
                        gone.map_or(Ok(()), |path| tx.forget_artifact_files(&path))?;
                        tx.leftover_done(id)
                    })
                })
                .await?;
            if !progress {
                return Ok(());
            }
        }
    }

    async fn remove_folder(&self, uri: String) -> Result<Swept> {
        let known = uri.clone();
        if self.inner.store.read(move |view| view.is_location_used(&known)).await? {
            return Ok(Swept::Kept);
        }
        match self.inner.artifacts.remove_location(&uri).await {
            Ok(()) => Ok(Swept::Removed),
            // Files of another store, or outside of the folders that we may touch.
            Err(error) if is_elsewhere(&error) => {
                tracing::info!(uri, "files stay where a client keeps them");
                Ok(Swept::Kept)
            }
            Err(error) => {
                tracing::warn!(%error, uri, "files of what is gone could not be removed; tried again later");
                Ok(Swept::Later)
            }
        }
    }
}

/// What became of a folder that was left over.
enum Swept {
    Removed,
    /// Something has it, or it is not ours.
    Kept,
    Later,
}

fn is_elsewhere(error: &Error) -> bool {
    matches!(error.code, ErrorCode::NotImplemented | ErrorCode::InvalidParameterValue)
}

fn check_count(items: &[(TrashKind, String)]) -> Result<()> {
    if items.len() > MOST {
        return Err(Error::invalid(format!(
            "{} things at once are too many: at most {MOST}.",
            items.len()
        )));
    }
    Ok(())
}

fn with_bytes(view: &View<'_>, found: Page<TrashItem>) -> StoreResult<Page<(TrashItem, i64)>> {
    let sized = |item: TrashItem| {
        let bytes = view.trash_bytes(item.kind, item.row)?;
        Ok((item, bytes))
    };
    Ok(Page {
        items: found.items.into_iter().map(sized).collect::<StoreResult<_>>()?,
        next_page_token: found.next_page_token,
    })
}

fn restore(tx: &mut WriteTx<'_>, actor: &Actor, item: &TrashItem) -> StoreResult<()> {
    match item.kind {
        TrashKind::Experiment => tx.set_experiment_deleted(actor, item.experiment, false),
        TrashKind::Run => {
            let id = RunId::new(item.id.clone());
            let run = tx.run_row(&id)?;
            tx.set_run_deleted(actor, &id, &run, false)
        }
        TrashKind::Model => {
            let id = ModelId::new(item.id.clone());
            let model = tx.model_row(&id)?;
            tx.restore_logged_model(actor, &id, &model)
        }
    }
}
