use proptest::prelude::*;

use super::*;

const MATTER: &[Name] = &[&["model"], &["stream"], &["file"]];
const FORM: &str = "--XyZ\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n\
--XyZ\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a b.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\nID3\r\n\r\n--\r\n\
--XyZ--\r\n";

fn kind() -> FormType {
    FormType::parse("multipart/form-data; boundary=XyZ").unwrap()
}

fn read(body: &[u8]) -> Result<Form<'_>, FormError> {
    Form::of_body(&kind(), body, MATTER)
}

fn part(head: &str) -> String {
    format!("--XyZ\r\n{head}\r\n\r\nx\r\n--XyZ--\r\n")
}

#[test]
fn fields_and_files_are_told_apart() {
    let form = read(FORM.as_bytes()).unwrap();
    assert_eq!(form.text("model"), Ok(Some("whisper-1")));
    assert_eq!(form.file("file"), Ok(Some(&b"ID3\r\n\r\n--"[..])));
    assert_eq!(form.flag("stream"), Ok(None));
    assert!(form.has("model") && !form.has("stream"));
    let wrong = |name, expected| Err(FormError::Kind { name, expected });
    assert_eq!(form.text("file"), wrong("file", "a short text"));
    assert_eq!(form.file("model").err(), wrong("model", "a file").err());
}

#[test]
fn a_form_that_is_cut_anywhere_is_none() {
    // The last line break may be missing.
    for cut in 0..FORM.len() - 2 {
        assert!(read(&FORM.as_bytes()[..cut]).is_err(), "{cut}");
    }
    assert!(read(&FORM.as_bytes()[..FORM.len() - 2]).is_ok());
}

#[test]
fn what_readers_take_apart_differently_is_refused() {
    for (what, body) in [
        ("a preamble", format!("hello\r\n{FORM}")),
        ("a line before", format!("\r\n{FORM}")),
        ("an epilogue", format!("{FORM}more")),
        ("a second form", format!("{FORM}{FORM}")),
        ("bare line feeds", FORM.replace("\r\n", "\n")),
        ("bare returns", FORM.replace("\r\n", "\r")),
        ("a padded boundary", FORM.replace("--XyZ\r\n", "--XyZ \r\n")),
        ("a longer boundary", FORM.replace("ID3", "\r\n--XyZa\r\n")),
        ("a boundary within a line", FORM.replace("ID3", "ID3--XyZ")),
        (
            "a boundary after a line feed",
            FORM.replace("ID3", "\n--XyZ\r\n"),
        ),
        ("a boundary in a file name", FORM.replace("a b", "--XyZ")),
        ("no parts", "--XyZ--\r\n".to_owned()),
        ("nothing", String::new()),
    ] {
        assert!(read(body.as_bytes()).is_err(), "{what}");
    }
}

#[test]
fn odd_headers_of_parts_are_refused() {
    let plain = "Content-Disposition: form-data; name=\"model\"";
    assert!(read(part(plain).as_bytes()).is_ok());
    for odd in [
        "",
        "Content-Type: text/plain",
        "Content-Disposition: form-data",
        "Content-Disposition: form-data; name=model",
        "Content-Disposition: form-data; name=\"\"",
        "Content-Disposition: form-data; name=\"a\"; name=\"model\"",
        "Content-Disposition: form-data; name=\"a\"; NAME=\"model\"",
        "Content-Disposition: form-data; name*=utf-8''model",
        "Content-Disposition: form-data; name=\"a\"; filename*=utf-8''b",
        "Content-Disposition: form-data; name=\"a\\\"; name=\"model\"",
        "Content-Disposition: form-data; name=\"a\"b\"",
        "Content-Disposition: form-data; name=\"a\" ; filename=\"b\"",
        "Content-Disposition: attachment; name=\"a\"",
        "Content-Disposition: form-data; name=\"a\";",
        "Content-Disposition : form-data; name=\"a\"",
        " Content-Disposition: form-data; name=\"a\"",
        "Content-Disposition: form-data;\r\n name=\"a\"",
        "Content-Disposition: form-data; name=\"a\nb\"",
        "Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"",
        "Content-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: base64",
        "Content-Disposition: form-data; name=\"a\"\r\nContent-Length: 1",
        "Content-Disposition: form-data; name=\"a\"\r\nContent-Type: Multipart/mixed; boundary=b",
    ] {
        assert!(read(part(odd).as_bytes()).is_err(), "{odd}");
    }
}

#[test]
fn names_that_matter_are_there_once_and_spelled_right() {
    let named = |names: &[&str]| {
        let parts = names.iter().map(|name| {
            format!("--XyZ\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\nx\r\n")
        });
        parts.collect::<String>() + "--XyZ--"
    };
    let of = |names: &[&str]| read(named(names).as_bytes()).map(|_| ()).err();
    assert_eq!(of(&["model", "model"]), Some(FormError::Twice("model")));
    assert_eq!(of(&["include[]", "include[]", "model"]), None);
    for variant in ["Model", "MODEL", "mo_del", "model[]", "model[0]", " model"] {
        let expected = Some(FormError::Variant("model"));
        assert_eq!(of(&[variant]), expected, "{variant}");
    }
    assert!(of(&["x"; MOST_PARTS]).is_none() && of(&["x"; MOST_PARTS + 1]).is_some());
}

#[test]
fn a_name_may_stand_for_a_list_of_files() {
    const LIST: &[Name] = &[&["image", "image[]"], &["mask"]];
    let file = |name: &str| {
        format!(
            "--XyZ\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a\"\r\n\r\nx\r\n"
        )
    };
    let of = |names: &[&str]| {
        let body = names.iter().map(|name| file(name)).collect::<String>() + "--XyZ--";
        let kind = FormType::parse("multipart/form-data; boundary=XyZ").unwrap();
        let form = Form::of_body(&kind, body.as_bytes(), LIST)?;
        Ok((form.count_files("image")?, form.all_files()))
    };
    assert_eq!(of(&["image"]), Ok((1, 1)));
    assert_eq!(of(&["image[]"]), Ok((1, 1)));
    assert_eq!(of(&["image[]", "mask", "image[]", "other"]), Ok((2, 4)));
    for twice in [
        ["image", "image"],
        ["image", "image[]"],
        ["image[]", "image"],
    ] {
        assert_eq!(of(&twice), Err(FormError::Twice("image")), "{twice:?}");
    }
    assert_eq!(of(&["mask", "mask"]), Err(FormError::Twice("mask")));
    for variant in [
        "image[0]",
        "image[][]",
        "Image[]",
        "IMAGE",
        "image []",
        "image[",
    ] {
        assert_eq!(
            of(&[variant]),
            Err(FormError::Variant("image")),
            "{variant}"
        );
    }
    assert_eq!(of(&["mask[]"]), Err(FormError::Variant("mask")));
}

#[test]
fn a_form_names_one_plain_boundary() {
    for good in [
        "multipart/form-data; boundary=XyZ",
        "Multipart/Form-Data;boundary=\"XyZ\"",
        "multipart/form-data; BOUNDARY=XyZ",
    ] {
        let read = FormType::parse(good).unwrap();
        assert_eq!(read.header(), "multipart/form-data; boundary=XyZ");
    }
    let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
    for bad in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=a; charset=utf-8",
        "multipart/form-data; charset=utf-8",
        "multipart/form-data; boundary=\"a",
        "multipart/form-data; boundary=a b",
        "multipart/form-data; boundary=a,b",
        "multipart/form-data; boundary*=utf-8''a",
        "multipart/mixed; boundary=a",
        "application/json",
        &long,
    ] {
        assert_eq!(FormType::parse(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        model in "[a-z0-9.-]{1,40}",
        file in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let mut body = format!("--XyZ\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n\
            --XyZ\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n").into_bytes();
        body.extend_from_slice(&file);
        body.extend_from_slice(b"\r\n--XyZ--\r\n");
        let form = read(&body).unwrap();
        prop_assert_eq!(form.text("model"), Ok(Some(model.as_str())));
        prop_assert_eq!(form.file("file"), Ok(Some(file.as_slice())));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0..FORM.len()) {
        let mut body = FORM.as_bytes()[..at].to_vec();
        body.extend_from_slice(&bytes);
        let _ = read(&body).map(|form| form.text("model").is_ok());
    }

    /// Whatever a caller puts into a value, no second field comes of it.
    #[test]
    fn a_value_makes_no_field(value in "(\r|\n|-|--XyZ|Content-Disposition: form-data; name=\"stream\"|true|\r\n){0,8}") {
        let body = format!("--XyZ\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n{value}\r\n--XyZ--\r\n");
        if let Ok(form) = read(body.as_bytes()) {
            prop_assert!(!value.contains("--XyZ"));
            prop_assert!(!form.has("stream"));
        }
    }
}
