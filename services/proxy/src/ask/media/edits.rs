//! Forms that ask for an image to be made from others.

use super::{
    AskError, BESIDE_AN_IMAGE, MOST_PARTIAL_IMAGES, Name, OF_A_PARTIAL_IMAGE, count, named,
    pictures,
};
use crate::{
    ask::{Ask, MOST_ANSWERS},
    body::{Form, FormType},
};

const EDITS: &[Name] = &[
    &["model"],
    &["prompt"],
    &["image", "image[]"],
    // Another way to name them, which no form takes.
    &["images"],
    &["mask"],
    &["n"],
    &["size"],
    &["quality"],
    &["stream"],
    &["partial_images"],
    &["response_format"],
    &["output_format"],
    &["input_fidelity"],
];

/// Tokens that an image is read as, at most: some 600 for its tiles and up to 6,240 where its details
/// are to be kept (<https://developers.openai.com/api/docs/guides/image-generation>). Twice that, because
/// later models publish no table.
const OF_A_READ_IMAGE: u64 = 14_000;

/// The most that an edit may use: what it draws, as an image made from a text does, and what it reads.
pub(in crate::ask) fn image_edits(form: Option<&FormType>, body: &[u8]) -> Result<Ask, AskError> {
    let kind = form.ok_or(AskError::Missing("image"))?;
    let form = Form::of_body(kind, body, EDITS)?;
    if form.has("images") {
        return Err(AskError::Unbounded(
            "an image that is only named".to_owned(),
        ));
    }
    let model = form.text("model")?.ok_or(AskError::Missing("model"))?;
    let prompt = form
        .long_text("prompt")?
        .ok_or(AskError::Missing("prompt"))?;
    if form.count_files("image")? == 0 {
        return Err(AskError::Missing("image"));
    }
    form.file("mask")?;
    let mut ask = named(model)?;
    let (size, quality) = (form.text("size")?, form.text("quality")?);
    ask.output_cap = Some(pictures::most_tokens(model, size, quality)?);
    ask.answers = whole(&form, "n", 1..=MOST_ANSWERS)?.unwrap_or(1);
    ask.stream = form.flag("stream")?.unwrap_or(false);
    ask.wants_usage = true;
    let partial = whole(&form, "partial_images", 0..=MOST_PARTIAL_IMAGES)?.unwrap_or(0);
    let beside = BESIDE_AN_IMAGE + OF_A_PARTIAL_IMAGE * partial;
    ask.extra_output = beside.saturating_mul(ask.answers);
    ask.input.bytes = count(prompt.len());
    // Every file, whatever its name: some provider may read it.
    ask.input.added = count(form.all_files()).saturating_mul(OF_A_READ_IMAGE);
    Ok(ask)
}

/// A whole number in plain digits.
fn whole(
    form: &Form<'_>,
    name: &'static str,
    range: std::ops::RangeInclusive<u64>,
) -> Result<Option<u64>, AskError> {
    let Some(text) = form.text(name)? else {
        return Ok(None);
    };
    let is_plain =
        text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let number = text.parse().ok().filter(|_| is_plain);
    number
        .filter(|number| range.contains(number))
        .map(Some)
        .ok_or(AskError::Value {
            member: name,
            reason: "must be a whole number, and no more than is drawn at once",
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [&str; 2] = ["image[]", "image[]"];

    fn edit(fields: &[(&str, &str)], files: &[&str]) -> Result<Ask, AskError> {
        let field = |(name, value): &(&str, &str)| {
            format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let file = |name: &&str| {
            format!(
                "--B\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.png\"\r\n\
                 Content-Type: image/png\r\n\r\nPNG\r\n"
            )
        };
        let fields: String = fields.iter().map(field).collect();
        let files: String = files.iter().map(file).collect();
        let kind = FormType::parse("multipart/form-data; boundary=B").unwrap();
        image_edits(Some(&kind), format!("{fields}{files}--B--\r\n").as_bytes())
    }

    fn plain<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let plain = [("model", "gpt-image-1"), ("prompt", "a hat")];
        plain.iter().chain(more).copied().collect()
    }

    #[test]
    fn an_edit_is_bounded_by_what_it_draws_and_reads() {
        let ask = edit(&plain(&[]), &["image"]).unwrap();
        assert_eq!(
            (ask.model.as_str(), ask.output_cap, ask.answers, ask.stream),
            ("gpt-image-1", Some(6_240), 1, false)
        );
        assert_eq!(ask.extra_output, 1_024);
        assert_eq!((ask.input.bytes, ask.input.added), (5, 14_000));
        let more = [
            ("n", "3"),
            ("size", "1024x1024"),
            ("quality", "low"),
            ("stream", "true"),
            ("partial_images", "2"),
        ];
        let ask = edit(&plain(&more), &["image[]", "image[]", "mask"]).unwrap();
        assert_eq!((ask.output_cap, ask.answers), (Some(272), 3));
        assert_eq!(ask.extra_output, 3 * (1_024 + 200));
        assert_eq!((ask.input.added, ask.stream), (3 * 14_000, true));
    }

    #[test]
    fn a_long_prompt_counts_by_its_bytes() {
        let prompt = "é\n".repeat(10_000);
        let fields = [("model", "gpt-image-1"), ("prompt", prompt.as_str())];
        assert_eq!(edit(&fields, &FILES).unwrap().input.bytes, 30_000);
    }

    #[test]
    fn what_could_be_read_two_ways_or_has_no_bound_is_no_edit() {
        for fields in [
            &[("n", "0")][..],
            &[("n", "01")],
            &[("n", "+1")],
            &[("n", "1000")],
            &[("n", "1"), ("n", "2")],
            &[("N", "2")],
            &[("n[]", "2")],
            &[("partial_images", "4")],
            &[("size", "9999x9999")],
            &[("size", "1000x1000")],
            &[("stream", "yes")],
            &[("model", "gpt-image-2")],
            &[("images", "[{\"image_url\": \"https://a.test/a.png\"}]")],
            &[("image_", "x")],
            &[("mask", "no file")],
        ] {
            assert!(edit(&plain(fields), &FILES).is_err(), "{fields:?}");
        }
        assert!(edit(&plain(&[]), &[]).is_err());
        assert!(edit(&plain(&[]), &["mask"]).is_err());
        assert!(edit(&plain(&[]), &["image", "image"]).is_err());
        assert!(edit(&plain(&[]), &["image", "prompt"]).is_err());
        assert!(edit(&[("model", "gpt-image-1")], &FILES).is_err());
        assert!(edit(&[("prompt", "a")], &FILES).is_err());
        assert!(edit(&plain(&[("image", "no file")]), &[]).is_err());
    }
}
