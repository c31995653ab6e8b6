//! Routes that say what they do once somebody asks: the document of them all is large, and
//! most servers are never asked for it.

use crate::state::AppState;
use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter};
use utoipa::Path;
// What `utoipa::path` makes of a handler, and the library's own router reads.
use utoipa::__dev::{SchemaReferences, Tags};
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::HttpMethod;

/// Routes, and what each says of itself.
#[derive(Default)]
pub(crate) struct Routes {
    router: Router<AppState>,
    describe: Vec<Describe>,
}

/// Adds an operation to the document.
type Describe = fn(&mut OpenApi);

/// One operation.
pub(crate) struct Route {
    path: String,
    methods: MethodRouter<AppState>,
    describe: Describe,
}

impl Routes {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds operations; see [`routes`].
    pub(crate) fn routes(mut self, routes: impl IntoIterator<Item = Route>) -> Self {
        for Route { path, methods, describe } in routes {
            self.router = self.router.route(&path, methods);
            self.describe.push(describe);
        }
        self
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.describe.extend(other.describe);
        self
    }

    pub(crate) fn into_router(self) -> Router<AppState> {
        self.router
    }

    /// The document with all of them.
    pub(crate) fn describe(&self, mut document: OpenApi) -> OpenApi {
        self.describe.iter().for_each(|describe| describe(&mut document));
        document
    }
}

impl Route {
    /// A handler with its path, method and description.
    pub(crate) fn new<P, H, T: 'static>(handler: H) -> Self
    where
        P: Path + SchemaReferences + for<'a> Tags<'a>,
        H: Handler<T, AppState>,
    {
        let methods = P::methods().iter().fold(MethodRouter::new(), |methods, method| {
            methods.on(filter(method), handler.clone())
        });
        Self { path: P::path(), methods, describe: describe::<P> }
    }
}

const fn filter(method: &HttpMethod) -> MethodFilter {
    match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Options => MethodFilter::OPTIONS,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Trace => MethodFilter::TRACE,
    }
}

fn describe<P: Path + SchemaReferences + for<'a> Tags<'a>>(document: &mut OpenApi) {
    let mut operation = P::operation();
    let tags = operation.tags.get_or_insert_default();
    tags.extend(P::tags().into_iter().map(str::to_owned));
    document.paths.add_path_operation(P::path(), P::methods(), operation);
    let mut schemas = Vec::new();
    P::schemas(&mut schemas);
    document.components.get_or_insert_default().schemas.extend(schemas);
}

/// Handlers under `utoipa::path`, for [`Routes::routes`].
macro_rules! routes {
    (@one $handler:ident) => {
        pastey::paste! { $crate::api::routing::Route::new::<[<__path_ $handler>], _, _>($handler) }
    };
    (@one $module:ident :: $handler:ident) => {
        pastey::paste! {
            $crate::api::routing::Route::new::<$module::[<__path_ $handler>], _, _>(
                $module::$handler,
            )
        }
    };
    ($($first:ident $(:: $second:ident)?),+ $(,)?) => {
        [$($crate::api::routing::routes!(@one $first $(:: $second)?)),+]
    };
}
pub(crate) use routes;
