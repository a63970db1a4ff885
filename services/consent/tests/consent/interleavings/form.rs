//! A form as a browser sends it when nobody changes anything.

/// The fields of the form at `action`; `None` when the page has none there.
pub fn filled(page: &str, action: &str) -> Option<Vec<(String, String)>> {
    let (_, form) = page.split_once(&format!("action=\"{action}\""))?;
    let (form, _) = form.split_once("</form>")?;
    let mut fields = Vec::new();
    for (at, _) in form.match_indices('<') {
        let tag = form[at + 1..].split('>').next().unwrap_or_default();
        match tag.split_whitespace().next() {
            Some("input") if is_sent(tag) => {
                let value = attribute(tag, "value").unwrap_or_default();
                fields.push((attribute(tag, "name")?, value));
            }
            Some("select") => fields.push((attribute(tag, "name")?, chosen(&form[at..]))),
            Some("textarea") => {
                let (_, text) = form[at..].split_once('>')?;
                let text = text.split("</textarea>").next().unwrap_or_default();
                fields.push((attribute(tag, "name")?, plain(text)));
            }
            _ => {}
        }
    }
    Some(fields)
}

fn is_sent(tag: &str) -> bool {
    let kind = attribute(tag, "type").unwrap_or_default();
    let ticked = tag.split_whitespace().any(|word| word == "checked");
    attribute(tag, "name").is_some() && (ticked || !matches!(kind.as_str(), "checkbox" | "radio"))
}

/// The option that is selected, or else the first.
fn chosen(select: &str) -> String {
    let select = select.split("</select>").next().unwrap_or_default();
    let options: Vec<&str> = select
        .split("<option")
        .skip(1)
        .map(|option| option.split('>').next().unwrap_or_default())
        .collect();
    let is_selected = |option: &&&str| option.split_whitespace().any(|word| word == "selected");
    let option = options.iter().find(is_selected).or(options.first());
    option
        .and_then(|option| attribute(option, "value"))
        .unwrap_or_default()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split('"').next().map(plain)
}

fn plain(text: &str) -> String {
    [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (written, meant)| {
        text.replace(written, meant)
    })
}
