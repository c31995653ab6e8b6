//! Items: short notes with an optional link to an experiment, run, model version or job.

use crate::users::MOST;
use crate::{Engine, permit};
use branchline_core::{Actor, Error, ErrorCode, ExperimentId, Result, RunId, Scope};
use branchline_store::{Class, Item, ItemLink, LinkKind};

/// What to write of an item; absent fields stay.
#[derive(Debug, Clone, Default)]
pub struct ItemUpdate {
    /// 1 to 255 characters.
    pub title: Option<String>,
    /// Markdown.
    pub description: Option<String>,
    /// What it is about; `Some(None)` takes the link away.
    pub link: Option<Option<ItemLink>>,
}

/// Which items.
#[derive(Debug, Clone, Default)]
pub struct ItemSearch {
    /// About this.
    pub about: Option<ItemLink>,
    /// With this in the title or text.
    pub text: Option<String>,
    /// Leave out the first so many.
    pub skip: i64,
    /// At most so many.
    pub limit: i64,
}

/// Longest text of an item, bytes.
const LONGEST: usize = 256 * 1024;

fn check_title(title: &str) -> Result<()> {
    if (1..=255).contains(&title.chars().count()) {
        return Ok(());
    }
    Err(Error::invalid("An item's title has 1 to 255 characters."))
}

fn check_description(text: &str) -> Result<()> {
    if text.len() <= LONGEST {
        return Ok(());
    }
    Err(Error::invalid("An item's text is limited to 256 kB."))
}

impl Engine {
    /// The actor's items, or everybody's for a superuser.
    ///
    /// # Errors
    /// The database's.
    pub async fn items(&self, actor: &Actor, search: ItemSearch) -> Result<Vec<Item>> {
        let owner = (!actor.is_superuser).then_some(actor.user_id);
        self.read(actor, move |view| {
            let (about, text) = (search.about.as_ref(), search.text.as_deref());
            view.items(owner, about, text, search.skip.max(0), search.limit.clamp(0, MOST))
        })
        .await
    }

    /// An item.
    ///
    /// # Errors
    /// There is none; it is somebody else's.
    pub async fn item(&self, actor: &Actor, id: i64) -> Result<Item> {
        let item = self.read(actor, move |view| view.item(id)).await?;
        if item.owner_id == actor.user_id || actor.is_superuser {
            return Ok(item);
        }
        Err(Error::denied("Not enough permissions"))
    }

    /// Makes an item.
    ///
    /// # Errors
    /// The title or text breaks a rule; what it points to is not there.
    pub async fn create_item(
        &self,
        actor: &Actor,
        title: String,
        description: Option<String>,
        link: Option<ItemLink>,
    ) -> Result<Item> {
        permit::require(actor, Scope::Log)?;
        check_title(&title)?;
        check_description(description.as_deref().unwrap_or_default())?;
        self.check_link(actor, link.as_ref()).await?;
        let owner = actor.user_id;
        let write = self.inner.store.write(Class::Durable, move |tx| {
            tx.insert_item(owner, &title, description.as_deref(), link.as_ref())
        });
        write.await
    }

    /// Changes what is given of an item.
    ///
    /// # Errors
    /// There is none; it is somebody else's; a rule is broken.
    pub async fn update_item(&self, actor: &Actor, id: i64, update: ItemUpdate) -> Result<Item> {
        permit::require(actor, Scope::Log)?;
        self.item(actor, id).await?;
        if let Some(title) = &update.title {
            check_title(title)?;
        }
        check_description(update.description.as_deref().unwrap_or_default())?;
        self.check_link(actor, update.link.as_ref().and_then(Option::as_ref)).await?;
        let write = self.inner.store.write(Class::Durable, move |tx| {
            let mut item = tx.item(id)?;
            if let Some(title) = update.title {
                item.title = title;
            }
            if let Some(description) = update.description {
                item.description = Some(description);
            }
            if let Some(link) = update.link {
                item.link = link;
            }
            tx.update_item(&item)
        });
        write.await
    }

    /// Removes an item; answers it as it was.
    ///
    /// # Errors
    /// There is none; it is somebody else's.
    pub async fn delete_item(&self, actor: &Actor, id: i64) -> Result<Item> {
        permit::require(actor, Scope::Log)?;
        let item = self.item(actor, id).await?;
        self.inner.store.write(Class::Durable, move |tx| tx.delete_item(id)).await?;
        Ok(item)
    }

    /// A link points to what its writer can see.
    async fn check_link(&self, actor: &Actor, link: Option<&ItemLink>) -> Result<()> {
        let Some(link) = link else { return Ok(()) };
        let odd = || Error::invalid(format!("'{}' is no {}.", link.id, link.kind.as_str()));
        let found = match link.kind {
            LinkKind::Experiment => {
                let id = link.id.parse().map_err(|_| odd())?;
                self.experiment(actor, ExperimentId(id)).await.map(drop)
            }
            LinkKind::Run => self.run(actor, &RunId::new(link.id.clone())).await.map(drop),
            LinkKind::RegisteredModel => self.registered_model(actor, &link.id).await.map(drop),
            LinkKind::ModelVersion => {
                let (name, version) = link.id.rsplit_once('/').ok_or_else(odd)?;
                let version = version.parse().map_err(|_| odd())?;
                self.model_version(actor, name, version).await.map(drop)
            }
            LinkKind::Job if link.id.is_empty() || link.id.len() > 255 => Err(odd()),
            // Jobs come and go.
            LinkKind::Job => Ok(()),
        };
        found.map_err(|error| match error.code {
            ErrorCode::ResourceDoesNotExist => Error::invalid(error.message),
            _ => error,
        })
    }
}
