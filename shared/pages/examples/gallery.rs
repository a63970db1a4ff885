//! Writes every component into HTML files, to look at: `cargo run -p pages --example gallery DIR`.

use std::{error::Error, fs, path::PathBuf};

use askama::Template;
use ids::{SessionId, TenantId, UserId};
use jiff::Timestamp;
use money::Nanodollars;
use pages::{
    Badge, Choice, Confirm, Copyable, Empty, Field, Layout, Notice, Section, SpendBar, Tone,
    chart::{self, Bar, Chart, Unit},
    filters,
};
use sessions::{CsrfToken, Role, SignedIn, Via};

#[derive(Template)]
#[template(path = "../examples/gallery.html")]
struct Gallery {
    layout: Layout,
    now: Timestamp,
    earlier: Timestamp,
    spends: Vec<SpendBar>,
    fields: Vec<Field>,
    revoke: Confirm,
    once: Copyable,
    empty: Empty,
    notices: Vec<Notice>,
    badges: Vec<Badge>,
    costs: Chart,
    days: Chart,
    total: Nanodollars,
    small: Nanodollars,
}

#[derive(Template)]
#[template(path = "../examples/consent.html")]
struct Consent {
    layout: Layout,
    level: Badge,
    limits: Vec<Field>,
    models: Field,
    reason: &'static str,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(
        std::env::args()
            .nth(1)
            .unwrap_or_else(|| "gallery".to_owned()),
    );
    let assets = folder.join("assets");
    fs::create_dir_all(&assets)?;
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets");
    for name in [
        "latchkey.css",
        "enhance.js",
        "inbox.js",
        "logo.svg",
        "favicon.svg",
    ] {
        fs::copy(source.join(name), assets.join(name))?;
    }
    let write = |name: &str, html: String| {
        fs::write(folder.join(name), html.replace("\"/assets/", "\"assets/"))
    };
    let person = person()?;
    write("gallery.html", gallery(&person)?.render()?)?;
    write("consent.html", consent(&person).render()?)?;
    let detail = "There is nothing at this address.";
    write(
        "error.html",
        pages::error_page(
            404,
            "Not found",
            detail,
            "0198c0de-0000-4000-8000-000000000000",
        ),
    )?;
    Ok(())
}

fn person() -> Result<SignedIn, Box<dyn Error>> {
    let at = "2026-11-22T10:00:00Z".parse()?;
    let via = Via::Session {
        id: SessionId::new(at),
        csrf: CsrfToken::mint()?,
    };
    let (tenant, user) = (TenantId::new(at), UserId::new(at));
    Ok(SignedIn {
        tenant,
        user,
        role: Role::Owner,
        name: "Ada Lindqvist".to_owned(),
        via,
    })
}

fn gallery(person: &SignedIn) -> Result<Gallery, Box<dyn Error>> {
    let now: Timestamp = "2026-11-22T12:00:00Z".parse()?;
    let layout = Layout::new("Gallery", person)
        .at(Section::Inbox)
        .inbox_count(3);
    Ok(Gallery {
        now,
        earlier: "2026-11-22T11:42:00Z".parse()?,
        spends: spends(),
        fields: fields(),
        revoke: Confirm::new(layout.csrf_field(), "/x", "Revoke").asking(
            "Revoke Paper Digest?",
            "Its calls stop at once. The app must ask again to be let back in.",
        ),
        once: Copyable::new("token", "API token", "lk_8ZkP3vN0qY1sT6uW9xB2dF5hJ7mR4cL"),
        empty: Empty::new("No app is connected yet", "When an app asks for access, its request appears in your inbox. Give it one of your vault addresses to start.")
            .action("Connect an app", "/connect"),
        notices: vec![
            Notice::good("Approved. Paper Digest may now use gpt-5-mini up to $10.00 a month."),
            Notice::info("Prices were updated on 20 Nov 2026."),
            Notice::caution("The key “Anthropic production” was refused twice today."),
            Notice::bad("The request has expired and can no longer be approved."),
        ],
        badges: vec![
            Badge::new(Tone::Neutral, "Revoked"),
            Badge::new(Tone::Info, "Pending"),
            Badge::new(Tone::Good, "Active"),
            Badge::new(Tone::Caution, "Expires in 2 days"),
            Badge::new(Tone::Bad, "Key refused"),
        ],
        costs: costs(),
        days: daily(),
        total: Nanodollars::from_nanos(48_310_000_000),
        small: Nanodollars::from_nanos(1_234_000),
        layout,
    })
}

fn spends() -> Vec<SpendBar> {
    let dollars = Nanodollars::from_dollars;
    vec![
        SpendBar::new(
            "Monthly spend",
            Nanodollars::from_nanos(3_420_000_000),
            dollars(20),
        )
        .note("starts again on 1 Dec 2026"),
        SpendBar::new(
            "Daily spend",
            Nanodollars::from_nanos(4_510_000_000),
            dollars(5),
        )
        .note("starts again in 12 hours"),
        SpendBar::new("Monthly spend", dollars(10), dollars(10)).note("starts again on 1 Dec 2026"),
    ]
}

fn fields() -> Vec<Field> {
    let providers = vec![
        Choice::new("openai", "OpenAI").chosen(true),
        Choice::new("anthropic", "Anthropic"),
        Choice::new("google", "Google"),
    ];
    let models = vec![
        Choice::new("gpt-5-mini", "gpt-5-mini").chosen(true),
        Choice::new("gpt-5", "gpt-5").note("$10.00 per million output tokens"),
        Choice::new("text-embedding-3-small", "text-embedding-3-small").chosen(true),
    ];
    vec![
        Field::select("provider", "Provider", providers).required(),
        Field::text("name", "Name")
            .required()
            .hint("Only you and your organization see it.")
            .value("OpenAI production"),
        Field::secret("secret", "Key")
            .required()
            .error("This does not look like an OpenAI key: it should begin with sk-."),
        Field::money("monthly", "Monthly limit").value("20.00"),
        Field::count("rpm", "Requests", "a minute").value("60"),
        Field::checks("models", "Models", models).hint("Take away what this app does not need."),
        Field::area("reason", "Reason").placeholder("Shown to the app when you deny"),
    ]
}

fn costs() -> Chart {
    let cost = |(day, cents): (i64, i64)| {
        let value = Nanodollars::from_nanos(cents * 10_000_000);
        Bar {
            label: format!("{day} Nov"),
            value: value.nanos(),
            title: format!("{day} Nov: {}", value.for_people()),
        }
    };
    let cents = [
        120, 210, 180, 90, 40, 260, 310, 280, 330, 190, 60, 80, 350, 410, 390, 370, 300, 90, 70,
        320, 280, 150,
    ];
    chart::bars(
        "Cost a day, November 2026",
        Unit::Money,
        &(1..).zip(cents).map(cost).collect::<Vec<_>>(),
    )
}

fn daily() -> Chart {
    let calls = |(app, value): (&str, i64)| Bar {
        label: app.to_owned(),
        value,
        title: format!("{value} calls"),
    };
    let apps = [
        ("Paper Digest", 1_204),
        ("Mail Triage", 640),
        ("Notebook", 88),
    ];
    chart::bars("Calls by app", Unit::Count, &apps.map(calls))
}

fn consent(person: &SignedIn) -> Consent {
    let models = vec![
        Choice::new("gpt-5-mini", "gpt-5-mini").chosen(true),
        Choice::new("gpt-5", "gpt-5").chosen(true).note("dearer"),
    ];
    Consent {
        layout: Layout::new("Paper Digest asks for access", person),
        level: Badge::new(Tone::Good, "Domain verified: paperdigest.example"),
        limits: vec![
            Field::money("monthly_spend", "At most a month")
                .value("10.00")
                .hint("Asked for $25.00."),
            Field::money("daily_spend", "At most a day").value("2.00"),
        ],
        models: Field::checks("models", "Models", models),
        reason: "Summarises the papers you save and keeps an index of them for search.",
    }
}
