//! The GPU benchmark for a page: the plans of `stepwise bench gpu`, run by the same code, and reports wherever they come
//! from.

use js_sys::Function;
use stepwise_inference::benchmark::compare::{CompareError, compare};
use stepwise_inference::benchmark::{Gpu, Host, Plan, Report, html, run, text};
use wasm_bindgen::prelude::*;

use crate::line;

/// Runs a plan, `full` or `quick`, on the GPU that the browser recommends, and returns its report as JSON.
///
/// `adapter` is what the browser calls it, and `is_software` whether it is a program on the CPU; `now` gives seconds,
/// `progress` is told the share of the whole and the row's name, and `stopped` is asked whether to stop.
///
/// # Errors
/// There is no such plan, or no GPU; the GPU was lost, or failed.
#[wasm_bindgen(js_name = benchGpu)]
#[allow(clippy::too_many_arguments, reason = "JavaScript has no other way to give them")]
pub async fn bench_gpu(
    plan: &str,
    adapter: String,
    is_software: bool,
    machine: String,
    browser: String,
    now: &Function,
    progress: &Function,
    stopped: &Function,
) -> Result<String, JsError> {
    let plan = match plan {
        "full" => Plan::full(),
        "quick" => Plan::quick(),
        other => return Err(line(format!("there is no plan `{other}`; there are `full` and `quick`"))),
    };
    let gpu = Gpu::open().await?.called(adapter, is_software);
    let none = JsValue::UNDEFINED;
    let host = Host {
        now: &|| now.call0(&none).ok().and_then(|now| now.as_f64()).unwrap_or_default(),
        progress: &|share, row| {
            // Whether anybody hears of it changes nothing.
            let _ = progress.call2(&none, &share.into(), &row.into());
        },
        stopped: &|| stopped.call0(&none).is_ok_and(|stopped| stopped.is_truthy()),
        machine,
        browser: Some(browser),
    };
    Ok(serde_json::to_string_pretty(&run(&gpu, &plan, &host).await?)?)
}

/// Whether a text is a report.
///
/// # Errors
/// Why it is none.
#[wasm_bindgen(js_name = checkReport)]
pub fn check_report(text: &str) -> Result<(), JsError> {
    Report::read(text)?;
    Ok(())
}

/// Reports as HTML, below how they stand against the first.
///
/// # Errors
/// A text is no report.
#[wasm_bindgen(js_name = reportsAsHtml)]
pub fn reports_as_html(names: Vec<String>, texts: Vec<String>) -> Result<String, JsError> {
    Ok(html(&read(names, &texts)?))
}

/// Reports as Markdown, for pasting: one alone, or how several stand against the first.
///
/// # Errors
/// A text is no report, or the reports cannot be compared.
#[wasm_bindgen(js_name = reportsAsMarkdown)]
pub fn reports_as_markdown(names: Vec<String>, texts: Vec<String>) -> Result<String, JsError> {
    let reports = read(names, &texts)?;
    match compare(&reports) {
        Ok(comparison) => Ok(text::compared_markdown(&comparison)),
        Err(CompareError::One) => Ok(reports.first().map(|(_, report)| text::markdown(report)).unwrap_or_default()),
        Err(error) => Err(line(error)),
    }
}

fn read(names: Vec<String>, texts: &[String]) -> Result<Vec<(String, Report)>, JsError> {
    names.into_iter().zip(texts).map(|(name, text)| Ok((name, Report::read(text)?))).collect()
}
