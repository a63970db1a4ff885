use super::*;

fn found(json: &str) -> (u64, u64, u64) {
    let media = media_in(json);
    (media.images, media.files, media.sounds)
}

#[test]
fn text_holds_no_media_even_where_it_speaks_of_it() {
    for json in [
        r#"[{"role":"user","content":"an \"image_url\" and \"type\":\"image\""}]"#,
        r#"[{"role":"user","content":[{"type":"text","text":"image_url"}]}]"#,
        r#"[{"content":"caf\u00e9"}]"#,
        r#"[{"content":"\u0061 hidden a"}]"#,
        r#"[{"role":"assistant","content":"a","audio":null,"image_url":null}]"#,
        r#"[{"type":"tool_use","input":{"audio":true}},{"audio":{"gain":3}}]"#,
        "[]",
    ] {
        assert_eq!(found(json), (0, 0, 0), "{json}");
    }
}

#[test]
fn parts_of_each_dialect_are_found() {
    for json in [
        r#"[{"content":[{"type":"image_url","image_url":{"url":"https://a"}}]}]"#,
        r#"[{"content":[{"type" : "input_image","image_url":"https://a"}]}]"#,
        r#"[{"content":[{"source":{"type":"base64","data":"AA"},"type":"image"}]}]"#,
        r#"[{"content":[{"image_url":{"url":"https://a"}}]}]"#,
        r#"[{"parts":[{"inlineData":{"mimeType":"image/png","data":"AA"}}]}]"#,
        r#"[{"parts":[{"inline_data":{"data":"AA","mime_type":"IMAGE/png"}}]}]"#,
        r#"[{"content":[{"t\u0079pe":"im\u0061ge"}]}]"#,
        r#"[{"content":[{"type":"tool_result","content":[{"type":"image","source":{}}]}]}]"#,
    ] {
        assert_eq!(found(json), (1, 0, 0), "{json}");
    }
    assert_eq!(
        found(r#"[{"type":"input_audio","input_audio":{"data":"AA"}}]"#),
        (0, 0, 1)
    );
    assert_eq!(
        found(r#"[{"type":"document","source":{}},{"type":"file"}]"#),
        (0, 2, 0)
    );
    assert_eq!(found(r#"[{"fileData":{"fileUri":"gs://a"}}]"#).1, 1);
    assert_eq!(
        found(r#"[{"role":"assistant","audio":{"id":"audio_1"}}]"#),
        (0, 0, 1)
    );
    for file in [
        r#"[{"content":[{"type":"document_url","document_url":"https://a"}]}]"#,
        r#"[{"content":[{"type":"file","file":{"file_id":"f"}}]}]"#,
        r#"[{"content":[{"slides_url":"https://a"}]}]"#,
    ] {
        assert!(found(file).1 >= 1, "{file}");
    }
    assert_eq!(
        found(r#"[{"inlineData":{"mimeType":"application/pdf","data":""}}]"#),
        (0, 1, 0)
    );
}

#[test]
fn text_beside_an_image_is_text() {
    for json in [
        r#"[{"role":"user","image_url":"x","content":"TEXT"}]"#,
        r#"[{"content":[{"image_url":{"url":"x","content":"TEXT"}}]}]"#,
        r#"[{"content":[{"type":"image","source":{"data":"x"},"text":["TEXT"]}]}]"#,
    ] {
        let long = json.replace("TEXT", &"a".repeat(1000));
        let media = media_in(&long);
        assert_eq!((media.images, media.image_bytes), (1, 1), "{json}");
    }
}

#[test]
fn the_bytes_of_an_image_are_told() {
    let url = "A".repeat(1000);
    let json = format!(
        r#"[{{"type":"text","text":"{url}"}},{{"type":"image_url","image_url":{{"url":"{url}"}}}}]"#
    );
    let media = media_in(&json);
    assert_eq!((media.images, media.image_bytes), (1, 1000));
}

#[test]
fn what_is_too_deep_to_be_read_counts_as_a_file() {
    let json = format!(
        r#"{}{{"type":"image"}}{}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    assert!(media_in(&json).files > 0);
}
