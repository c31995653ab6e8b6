//! The native commands: what a page in a browser cannot do. Each is named in
//! `build.rs`, allowed in `window.rs` and called from `ui/src/host`.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tauri::{AppHandle, State, Url};
use tauri_plugin_dialog::{DialogExt, FilePath};
use tauri_plugin_opener::OpenerExt;
use tokio::sync::oneshot;

use crate::files::{self, Partial};
use crate::notification;
use crate::server::DataDir;
use crate::session::Session;
use crate::window;

/// A refusal or failure, as one sentence that the page shows.
type Answer<T> = Result<T, String>;

/// Gives the page the secret that signs it in; it works once.
#[tauri::command]
pub(crate) async fn sign_in_secret(session: State<'_, Session>) -> Answer<String> {
    session.sign_in_secret().await.map_err(words)
}

/// Asks where to save what a URL of the server answers, and saves it there.
/// Answers the chosen path, or nothing when the person cancelled.
#[tauri::command]
pub(crate) async fn save_artifact(
    app: AppHandle,
    session: State<'_, Session>,
    url: Url,
    name: String,
) -> Answer<Option<PathBuf>> {
    if !session.serves(&url) {
        return Err(format!("{url} is not on this server"));
    }
    let Some(path) = ask_where(&app, &name).await? else { return Ok(None) };
    let mut answer = session.get(url).await.map_err(words)?;
    let mut file = Partial::create(&path).await.map_err(words)?;
    while let Some(chunk) = answer.chunk().await.map_err(words)? {
        file.write(&chunk).await.map_err(words)?;
    }
    file.finish().await.map_err(words)?;
    Ok(Some(path))
}

/// Asks where to save a text, and saves it there.
#[tauri::command]
pub(crate) async fn save_text(
    app: AppHandle,
    name: String,
    text: String,
) -> Answer<Option<PathBuf>> {
    save(&app, &name, text.as_bytes()).await
}

/// Asks where to save bytes given in base64, and saves them there.
#[tauri::command]
pub(crate) async fn save_bytes(
    app: AppHandle,
    name: String,
    base64: String,
) -> Answer<Option<PathBuf>> {
    let bytes = BASE64_STANDARD.decode(base64).map_err(|_| "the data is not base64".to_owned())?;
    save(&app, &name, &bytes).await
}

/// Asks for a folder. Answers its path, or nothing when the person cancelled.
#[tauri::command]
pub(crate) async fn pick_folder(app: AppHandle) -> Answer<Option<PathBuf>> {
    let (answer, answered) = oneshot::channel();
    app.dialog().file().pick_folder(move |chosen| {
        let _ = answer.send(chosen);
    });
    path_of(answered.await.ok().flatten())
}

/// Shows a file or folder of the data folder in the file manager.
#[tauri::command]
pub(crate) async fn reveal_path(
    app: AppHandle,
    data_dir: State<'_, DataDir>,
    path: PathBuf,
) -> Answer<()> {
    let path = files::inside(data_dir.root(), &path)?;
    app.opener().reveal_item_in_dir(path).map_err(words)
}

/// Opens a web page in the person's browser.
#[tauri::command]
pub(crate) async fn open_external(app: AppHandle, url: Url) -> Answer<()> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("a {}: address is not opened, only http and https", url.scheme()));
    }
    app.opener().open_url(url.as_str(), None::<&str>).map_err(words)
}

/// Tells the person on the desktop, for a page that they are not looking at. Answers, when that
/// is gone, whether they chose it; then the window is before them.
#[tauri::command]
pub(crate) async fn notify(app: AppHandle, title: String, body: String) -> Answer<bool> {
    let chosen = notification::show(&app, title, body).await?;
    if chosen {
        window::focus(&app);
    }
    Ok(chosen)
}

async fn save(app: &AppHandle, name: &str, bytes: &[u8]) -> Answer<Option<PathBuf>> {
    let Some(path) = ask_where(app, name).await? else { return Ok(None) };
    write(&path, bytes).await.map_err(words)?;
    Ok(Some(path))
}

async fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = Partial::create(path).await?;
    file.write(bytes).await?;
    file.finish().await
}

async fn ask_where(app: &AppHandle, name: &str) -> Answer<Option<PathBuf>> {
    let (answer, answered) = oneshot::channel();
    app.dialog().file().set_file_name(files::plain_name(name)).save_file(move |chosen| {
        // Nobody waits any more when the page that asked has gone.
        let _ = answer.send(chosen);
    });
    path_of(answered.await.ok().flatten())
}

/// The path that was chosen, if there is one.
fn path_of(chosen: Option<FilePath>) -> Answer<Option<PathBuf>> {
    chosen.map(|chosen| chosen.into_path().map_err(words)).transpose()
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}
