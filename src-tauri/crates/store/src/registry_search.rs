//! Searching registered models and their versions.

use crate::error::StoreResult;
use crate::experiment::text_tag;
use crate::model_version::{VERSION, VERSIONS, read_version};
use crate::query::{self, SearchPage, Select, Sql, Term};
use crate::registered_model::{MODEL, PROMPT_TAG, read_model};
use crate::tx::View;
use branchline_core::search::{
    Condition, Expr, Literal, ModelVersionField, Op as Compare, Order, RegisteredModelField,
};
use branchline_core::{ModelVersion, RegisteredModel};

impl View<'_> {
    /// One page of registered models. Prompts are left out unless the filter asks for them.
    ///
    /// # Errors
    /// A page token that does not belong to this search.
    pub fn search_registered_models(
        &self,
        filter: Option<&Expr<RegisteredModelField>>,
        order: &[Order<RegisteredModelField>],
        max_results: usize,
        token: Option<&str>,
    ) -> StoreResult<SearchPage<RegisteredModel>> {
        let mut parts = vec![Sql::new("m.workspace_id = 1")];
        let is_prompt_tag = |c: &Condition<RegisteredModelField>| matches!(&c.field, RegisteredModelField::Tag(key) if key == PROMPT_TAG);
        parts.extend(with_prompts_rule(filter, &is_prompt_tag, &model_condition, PROMPT_MODELS)?);
        let mut terms: Vec<Term> =
            order.iter().map(|o| Term::new(model_column(&o.field), !o.ascending)).collect();
        terms.push(Term::new("m.name", false));
        let select =
            Select { columns: MODEL, source: Sql::new("registered_model m"), filter: parts, terms };
        let question = query::fingerprint(&format!("models {filter:?}{order:?}"));
        let page = self.page(&[select], question, token, max_results, &read_model)?;
        let items = page.items.into_iter().map(|(row, model)| self.complete_registered(row, model));
        Ok(SearchPage {
            items: items.collect::<StoreResult<_>>()?,
            next_page_token: page.next_page_token,
        })
    }

    /// One page of versions. Prompts are left out unless the filter asks for them.
    ///
    /// # Errors
    /// A page token that does not belong to this search.
    pub fn search_model_versions(
        &self,
        filter: Option<&Expr<ModelVersionField>>,
        order: &[Order<ModelVersionField>],
        max_results: usize,
        token: Option<&str>,
    ) -> StoreResult<SearchPage<ModelVersion>> {
        let mut parts = vec![Sql::new("m.workspace_id = 1")];
        let is_prompt_tag = |c: &Condition<ModelVersionField>| matches!(&c.field, ModelVersionField::Tag(key) if key == PROMPT_TAG);
        let rule = with_prompts_rule(filter, &is_prompt_tag, &version_condition, PROMPT_VERSIONS)?;
        parts.extend(rule);
        let mut terms: Vec<Term> =
            order.iter().map(|o| Term::new(version_column(&o.field), !o.ascending)).collect();
        if order.is_empty() {
            terms.push(Term::new("v.updated_at", true));
        }
        terms.push(Term::new("m.name", false));
        terms.push(Term::new("v.version", true));
        let select = Select { columns: VERSION, source: Sql::new(VERSIONS), filter: parts, terms };
        let question = query::fingerprint(&format!("versions {filter:?}{order:?}"));
        let page = self.page(&[select], question, token, max_results, &read_version)?;
        let items = page.items.into_iter().map(|v| self.complete_version(v));
        Ok(SearchPage {
            items: items.collect::<StoreResult<_>>()?,
            next_page_token: page.next_page_token,
        })
    }
}

/// Models that are prompts.
pub(crate) const PROMPT_MODELS: &str = "EXISTS (SELECT 1 FROM registered_model_tag p
    WHERE p.registered_model_id = m.id AND p.key = 'mlflow.prompt.is_prompt' AND p.value = 'true')";

/// Versions of prompts.
const PROMPT_VERSIONS: &str = "EXISTS (SELECT 1 FROM model_version_tag p
    JOIN model_version pv ON pv.id = p.model_version_id
    WHERE pv.registered_model_id = m.id AND p.key = 'mlflow.prompt.is_prompt' AND p.value = 'true')";

/// The filter with MLflow's rule for prompts: they are found only where the filter asks
/// for `tags.mlflow.prompt.is_prompt = 'true'`. Clients write `!= 'true'` to ask for the
/// rest, and models have no such tag at all, so that condition is taken out.
fn with_prompts_rule<F: Clone>(
    filter: Option<&Expr<F>>,
    is_prompt_tag: &dyn Fn(&Condition<F>) -> bool,
    condition: &dyn Fn(&Condition<F>) -> Sql,
    prompts: &str,
) -> StoreResult<Vec<Sql>> {
    let asks = |c: &Condition<F>| match (&c.op, &c.value) {
        (Compare::Eq, Literal::Text(value)) => value == "true",
        (Compare::Ne, Literal::Text(value)) => value == "false",
        _ => false,
    };
    let conditions = filter.map(Expr::conditions).unwrap_or_default();
    let asked = conditions.into_iter().any(|c| is_prompt_tag(c) && asks(c));
    let mut parts = Vec::new();
    if !asked {
        parts.push(Sql::new(format!("NOT {prompts}")));
    }
    if let Some(filter) = filter {
        parts.push(query::compile(filter, &mut |c| {
            Ok(if !asked && is_prompt_tag(c) { Sql::new("1") } else { condition(c) })
        })?);
    }
    Ok(parts)
}

fn model_column(field: &RegisteredModelField) -> &'static str {
    match field {
        RegisteredModelField::Name | RegisteredModelField::Tag(_) => "m.name",
        RegisteredModelField::CreationTime => "m.created_at",
        RegisteredModelField::LastUpdatedTime => "m.updated_at",
    }
}

fn model_condition(condition: &Condition<RegisteredModelField>) -> Sql {
    match &condition.field {
        RegisteredModelField::Tag(key) => {
            text_tag("registered_model_tag", "registered_model_id", "m.id", key, condition)
        }
        field => query::compare(model_column(field), condition.op, &condition.value),
    }
}

fn version_column(field: &ModelVersionField) -> &'static str {
    match field {
        ModelVersionField::Name | ModelVersionField::Tag(_) => "m.name",
        ModelVersionField::VersionNumber => "v.version",
        ModelVersionField::RunId => "coalesce(v.run_id, '')",
        ModelVersionField::SourcePath => "v.source",
        ModelVersionField::CreationTime => "v.created_at",
        ModelVersionField::LastUpdatedTime => "v.updated_at",
    }
}

fn version_condition(condition: &Condition<ModelVersionField>) -> Sql {
    match (&condition.field, &condition.value) {
        (ModelVersionField::Tag(key), _) => {
            text_tag("model_version_tag", "model_version_id", "v.id", key, condition)
        }
        (ModelVersionField::VersionNumber, Literal::Number(x)) => {
            query::compare("v.version", condition.op, &Literal::Number(*x))
        }
        (field, value) => query::compare(version_column(field), condition.op, value),
    }
}
