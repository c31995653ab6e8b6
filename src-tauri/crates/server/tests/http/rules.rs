//! Who may call what: `routes.txt` declares a rule for every route of every surface, by method
//! and path, and the router is held to it. A route that is not declared fails these tests.

use crate::app::open_engine;
use crate::guard::routes;
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, header};
use branchline_core::{Actor, Scope};
use branchline_engine::{Engine, NewUser};
use branchline_server::guard::is_public;
use branchline_server::{ServerOptions, router};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use tower::ServiceExt;

const DECLARED: &str = include_str!("routes.txt");
const METHODS: [Method; 5] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
const PASSWORD: &str = "a-long-password";
const HOST: (&str, &str) = ("host", "localhost:5005");

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Anybody.
    Public,
    /// The handler looks at the credential itself: it signs in, out, or asks in a message.
    Own,
    /// Whoever has a credential; what they see is theirs to see.
    User,
    /// A credential of scope `log`.
    Log,
    /// A credential of scope `admin`.
    Admin,
    /// A superuser with a credential of scope `admin`.
    Superuser,
    /// A superuser, with any credential.
    AnySuperuser,
    /// Whoever can read `instance.json`.
    Instance,
}

impl Rule {
    fn parse(text: &str) -> Self {
        match text {
            "public" => Self::Public,
            "own" => Self::Own,
            "user" => Self::User,
            "log" => Self::Log,
            "admin" => Self::Admin,
            "superuser" => Self::Superuser,
            "superuser-any" => Self::AnySuperuser,
            "instance" => Self::Instance,
            _ => panic!("routes.txt: there is no rule '{text}'"),
        }
    }
}

/// A method (`*` for any) and a path. MLflow's two prefixes are one.
type Route = (String, String);

fn declared() -> BTreeMap<Route, Rule> {
    let mut all = BTreeMap::new();
    for line in DECLARED.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let parts: Vec<&str> = line.split_whitespace().collect();
        let [rule, methods, path] = parts[..] else { panic!("routes.txt: {line}") };
        for method in methods.split(',') {
            let route = (method.to_owned(), path.to_owned());
            assert!(all.insert(route, Rule::parse(rule)).is_none(), "declared twice: {line}");
        }
    }
    all
}

/// A path that the route matches; nothing has this number or name.
fn filled(route: &str) -> String {
    let parts = route.split('/').map(|part| match part {
        part if part.starts_with("{*") => "none/none",
        part if part.starts_with('{') => "999999",
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

struct House {
    router: Router,
    /// Each route as it is declared, and all paths that it stands at.
    routes: BTreeMap<Route, Vec<String>>,
    /// Bearer tokens of a superuser and of somebody else, by scope.
    tokens: BTreeMap<(bool, &'static str), String>,
    cookie: String,
    _folder: tempfile::TempDir,
}

struct Answer {
    status: u16,
    text: String,
}

impl Answer {
    /// The refusal of somebody who is no superuser, in the words of each surface.
    fn says_superuser(&self) -> bool {
        ["enough privileges", "Only an administrator"].iter().any(|words| self.text.contains(words))
    }

    fn says_scope(&self) -> bool {
        self.status == 403 && self.text.contains("credential") && self.text.contains("scope")
    }
}

async fn tokens(engine: &Engine) -> BTreeMap<(bool, &'static str), String> {
    let owner = engine.owner_actor().await.unwrap();
    let new = NewUser {
        email: "ada@example.org".to_owned(),
        password: Some(PASSWORD.to_owned()),
        ..NewUser::default()
    };
    let ada = engine.create_user(&owner, new).await.unwrap();
    let ada = Actor { user_id: ada.id, email: ada.email, is_superuser: false, scope: Scope::Admin };
    let mut tokens = BTreeMap::new();
    for (superuser, actor) in [(true, &owner), (false, &ada)] {
        for scope in [Scope::Read, Scope::Log, Scope::Admin] {
            let (_, secret) = engine.create_token(actor, "t", scope, None).await.unwrap();
            tokens.insert((superuser, scope.as_str()), secret);
        }
    }
    tokens
}

impl House {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = open_engine(&folder);
        let tokens = tokens(&engine).await;
        let secret = engine.sign_in("ada@example.org", PASSWORD, "test").await.unwrap();
        let cookie = format!("bl_{}={secret}", &engine.store_uuid()[..8]);
        let router = router(engine, ServerOptions::default());
        let mut house = Self { router, routes: BTreeMap::new(), tokens, cookie, _folder: folder };
        for path in routes(&house.router) {
            let methods = house.methods(&path).await;
            let name = path.strip_prefix("/ajax-api/").map(|rest| format!("/api/{rest}"));
            for method in methods {
                let route = (method, name.clone().unwrap_or_else(|| path.clone()));
                house.routes.entry(route).or_default().push(path.clone());
            }
        }
        house
    }

    /// The methods that a path takes; `*` when it takes any.
    async fn methods(&self, path: &str) -> Vec<String> {
        let token = [("authorization", self.bearer(false, "read"))];
        let token = [HOST, (token[0].0, token[0].1.as_str())];
        if self.call(&Method::TRACE, path, &token).await.status != 405 {
            return vec!["*".to_owned()];
        }
        let mut found = Vec::new();
        for method in METHODS {
            if self.call(&method, path, &token).await.status != 405 {
                found.push(method.to_string());
            }
        }
        found
    }

    fn bearer(&self, superuser: bool, scope: &'static str) -> String {
        format!("Bearer {}", self.tokens[&(superuser, scope)])
    }

    async fn call(&self, method: &Method, route: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(filled(route));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Body::empty()).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), 1_000_000).await.unwrap_or_default();
        Answer { status, text: String::from_utf8_lossy(&body).into_owned() }
    }

    async fn as_user(&self, (method, path): (&Method, &str), who: (bool, &'static str)) -> Answer {
        let bearer = self.bearer(who.0, who.1);
        self.call(method, path, &[HOST, ("authorization", &bearer)]).await
    }

    /// What a new route seems to need, for whoever has to declare it.
    async fn suggestion(&self, method: &Method, path: &str) -> &'static str {
        if is_public(method, path) {
            return "public";
        }
        if self.as_user((method, path), (false, "admin")).await.says_superuser() {
            let log = self.as_user((method, path), (true, "log")).await;
            return if log.says_scope() || log.says_superuser() {
                "superuser"
            } else {
                "superuser-any"
            };
        }
        let read = self.as_user((method, path), (false, "read")).await;
        match read.says_scope() {
            true if self.as_user((method, path), (false, "log")).await.says_scope() => "admin",
            true => "log",
            false if *method == Method::GET => "user",
            false => "log?",
        }
    }
}

fn method_of(name: &str) -> Method {
    if name == "*" { Method::POST } else { name.parse().unwrap() }
}

#[tokio::test]
async fn every_route_has_a_declared_rule() {
    let house = House::open().await;
    let declared = declared();
    let mut missing = String::new();
    for (route, paths) in &house.routes {
        if !declared.contains_key(route) {
            let suggestion = house.suggestion(&method_of(&route.0), &paths[0]).await;
            writeln!(missing, "{suggestion} {} {}", route.0, route.1).unwrap();
        }
    }
    assert!(missing.is_empty(), "say in routes.txt who may call these:\n{missing}");
    let known: BTreeSet<&Route> = house.routes.keys().collect();
    let gone: Vec<&Route> = declared.keys().filter(|route| !known.contains(route)).collect();
    assert!(gone.is_empty(), "routes.txt declares what is not there: {gone:?}");
}

#[tokio::test]
async fn every_route_keeps_its_rule() {
    let house = House::open().await;
    let declared = declared();
    for (route, paths) in &house.routes {
        let Some(rule) = declared.get(route).copied() else { continue };
        for path in paths {
            let (method, what) = (method_of(&route.0), format!("{} {path}", route.0));
            let asked = (&method, path.as_str());
            let anonymous = house.call(&method, path, &[HOST]).await.status;
            assert_eq!(
                is_public(&method, path),
                matches!(rule, Rule::Public | Rule::Own),
                "{what}"
            );
            match rule {
                Rule::Public => assert_ne!(anonymous, 401, "{what}"),
                Rule::Own => assert!(!(200..300).contains(&anonymous), "{what}: {anonymous}"),
                _ => assert_eq!(anonymous, 401, "{what} without a credential"),
            }
            let too_little: &[(bool, &'static str)] = match rule {
                Rule::Public | Rule::Own | Rule::User => &[],
                Rule::Log => &[(true, "read"), (false, "read")],
                Rule::Admin => &[(true, "log"), (false, "log")],
                Rule::Superuser => &[(true, "log"), (false, "admin")],
                Rule::AnySuperuser => &[(false, "admin")],
                Rule::Instance => &[(true, "admin"), (false, "admin")],
            };
            for who in too_little {
                let status = house.as_user(asked, *who).await.status;
                assert!((400..500).contains(&status), "{what} as {who:?}: {status}");
                // Without a body there is nothing to find fault with but the caller.
                let wanted = method == Method::GET && !path.contains('{') && rule != Rule::Log;
                assert!(!wanted || matches!(status, 400 | 403), "{what} as {who:?}: {status}");
            }
            let enough: &[(bool, &'static str)] = match rule {
                Rule::Public | Rule::Own | Rule::Instance => &[],
                Rule::User => &[(false, "read"), (true, "read")],
                Rule::Log => &[(false, "log"), (true, "log")],
                Rule::Admin => &[(false, "admin"), (true, "admin")],
                Rule::Superuser => &[(true, "admin")],
                Rule::AnySuperuser => &[(true, "read")],
            };
            for who in enough {
                let answer = house.as_user(asked, *who).await;
                let refused =
                    answer.status == 401 || answer.says_scope() || answer.says_superuser();
                assert!(!refused, "{what} as {who:?}: {} {}", answer.status, answer.text);
            }
        }
    }
}

#[tokio::test]
async fn no_route_answers_a_wrong_host_a_foreign_page_or_nobody() {
    let house = House::open().await;
    let declared = declared();
    let bearer = house.bearer(true, "admin");
    for (route, paths) in &house.routes {
        let rule = declared.get(route).copied();
        for path in paths.iter().filter(|path| *path != "/health") {
            let (method, what) = (method_of(&route.0), format!("{} {path}", route.0));
            for host in
                ["evil.example", "localhost.evil.example:5005", "127.0.0.1@evil.example", ""]
            {
                let sent = [("host", host), ("authorization", bearer.as_str())];
                assert_eq!(
                    house.call(&method, path, &sent).await.status,
                    403,
                    "{what} at '{host}'"
                );
            }
            let unsafe_method = method != Method::GET;
            for origin in
                ["http://evil.example", "null", "https://localhost:5005", "http://localhost:1"]
            {
                for credential in [("cookie", house.cookie.as_str()), ("authorization", &bearer)] {
                    let mut sent = vec![HOST, ("origin", origin), credential];
                    if !unsafe_method {
                        // A page of another site may not open a WebSocket either.
                        sent.extend([("upgrade", "websocket"), ("connection", "upgrade")]);
                    }
                    let status = house.call(&method, path, &sent).await.status;
                    assert_eq!(status, 403, "{what} from {origin} with {}", credential.0);
                }
            }
            if !matches!(rule, Some(Rule::Public)) {
                for headers in
                    [&[HOST][..], &[HOST, ("cookie", "bl_00000000=guess; token=guess")][..]]
                {
                    let status = house.call(&method, path, headers).await.status;
                    assert!((400..500).contains(&status), "{what} for nobody: {status}");
                }
            }
        }
    }
}
