//! What every page has around its content.

use sessions::{Permission, Role, SignedIn};

use crate::{assets::asset_url, component::CsrfField, notice::Notice};

/// The frame of one page: embed it in a page's template as the field `layout`.
#[derive(Debug, Clone)]
pub struct Layout {
    title: String,
    person: Option<Visitor>,
    section: Option<Section>,
    inbox_count: Option<u32>,
    notice: Option<Notice>,
    live_inbox: bool,
}

/// The signed-in person, as far as a page shows them.
#[derive(Debug, Clone)]
struct Visitor {
    name: String,
    role: Role,
    csrf: String,
}

/// Where a page belongs in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Access requests that wait for a decision.
    Inbox,
    /// Grants.
    ConnectedApps,
    /// Stored keys of AI providers.
    ProviderKeys,
    /// Connect tickets and handles.
    Connect,
    /// What it cost.
    Usage,
    /// The person's own settings; in the account menu, not in the navigation.
    Account,
}

/// One entry of the navigation, for the frame's own template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NavEntry {
    pub label: &'static str,
    pub path: &'static str,
    pub current: bool,
    /// How many things wait there, if that is known and not nothing.
    pub count: Option<u32>,
    /// Whether scripts keep the count up to date.
    pub counts: bool,
}

impl Section {
    const NAVIGATION: [Self; 5] = [
        Self::Inbox,
        Self::ConnectedApps,
        Self::ProviderKeys,
        Self::Connect,
        Self::Usage,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::Inbox => "Inbox",
            Self::ConnectedApps => "Connected apps",
            Self::ProviderKeys => "Provider keys",
            Self::Connect => "Connect an app",
            Self::Usage => "Usage",
            Self::Account => "Account",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Inbox => "/inbox",
            Self::ConnectedApps => "/connected-apps",
            Self::ProviderKeys => "/provider-keys",
            Self::Connect => "/connect",
            Self::Usage => "/usage",
            Self::Account => "/account",
        }
    }
}

impl Layout {
    /// A page of a signed-in person.
    #[must_use]
    pub fn new(title: impl Into<String>, person: &SignedIn) -> Self {
        let visitor = Visitor {
            name: person.name.clone(),
            role: person.role,
            csrf: person
                .csrf()
                .map_or_else(String::new, |csrf| csrf.reveal().to_owned()),
        };
        Self {
            person: Some(visitor),
            ..Self::signed_out(title)
        }
    }

    /// A page that nobody needs to be signed in for.
    #[must_use]
    pub fn signed_out(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            person: None,
            section: None,
            inbox_count: None,
            notice: None,
            live_inbox: false,
        }
    }

    /// Marks where the page belongs in the navigation.
    #[must_use]
    pub const fn at(mut self, section: Section) -> Self {
        self.section = Some(section);
        self
    }

    /// Shows how many requests wait.
    #[must_use]
    pub const fn inbox_count(mut self, count: u32) -> Self {
        self.inbox_count = Some(count);
        self
    }

    /// Shows a message above the content.
    #[must_use]
    pub fn notice(mut self, notice: Notice) -> Self {
        self.notice = Some(notice);
        self
    }

    /// Shows a message above the content, if there is one.
    #[must_use]
    pub fn maybe_notice(mut self, notice: Option<Notice>) -> Self {
        self.notice = notice;
        self
    }

    /// Loads the script that keeps a list on this page up to date.
    #[must_use]
    pub const fn live_inbox(mut self) -> Self {
        self.live_inbox = true;
        self
    }

    /// The hidden field that ties a form to this session. Every form with `method="post"` on a
    /// signed-in page needs it: `{{ layout.csrf_field() }}`.
    #[must_use]
    pub fn csrf_field(&self) -> CsrfField {
        CsrfField {
            token: self.csrf().to_owned(),
        }
    }

    /// The session's synchronizer token; empty when nobody is signed in.
    #[must_use]
    pub fn csrf(&self) -> &str {
        self.person
            .as_ref()
            .map_or("", |visitor| visitor.csrf.as_str())
    }

    /// The versioned address of an asset, such as `/assets/latchkey.css?v=…`.
    #[must_use]
    pub fn asset(&self, name: &str) -> String {
        asset_url(name)
    }

    /// What the page is called.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The name of the signed-in person.
    #[must_use]
    pub fn person_name(&self) -> Option<&str> {
        self.person.as_ref().map(|visitor| visitor.name.as_str())
    }

    /// The role of the signed-in person; empty when nobody is.
    #[must_use]
    pub fn role(&self) -> &'static str {
        self.person
            .as_ref()
            .map_or("", |visitor| visitor.role.as_str())
    }

    /// Whether the signed-in person sets what the organization allows.
    #[must_use]
    pub fn sets_policy(&self) -> bool {
        self.person
            .as_ref()
            .is_some_and(|visitor| visitor.role.can(Permission::ManagePolicy))
    }

    /// Whether the signed-in person sets what may be spent.
    #[must_use]
    pub fn sets_budgets(&self) -> bool {
        self.person
            .as_ref()
            .is_some_and(|visitor| visitor.role.can(Permission::ManageBudgets))
    }

    /// The letter that stands for the person where there is no room for the name.
    #[must_use]
    pub fn initial(&self) -> String {
        let first = self
            .person_name()
            .and_then(|name| name.chars().find(|c| c.is_alphanumeric()));
        first.map_or_else(
            || "?".to_owned(),
            |letter| letter.to_uppercase().to_string(),
        )
    }

    /// The message above the content.
    #[must_use]
    pub const fn shown_notice(&self) -> Option<&Notice> {
        self.notice.as_ref()
    }

    /// Whether the page has a list that is kept up to date.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.live_inbox
    }

    /// Whether this page is in the account menu.
    #[must_use]
    pub fn is_account(&self) -> bool {
        self.section == Some(Section::Account)
    }

    /// The entries of the navigation.
    #[must_use]
    pub fn navigation(&self) -> Vec<NavEntry> {
        let entry = |section: Section| NavEntry {
            label: section.label(),
            path: section.path(),
            current: self.section == Some(section),
            count: self
                .inbox_count
                .filter(|count| section == Section::Inbox && *count > 0),
            counts: section == Section::Inbox,
        };
        Section::NAVIGATION.into_iter().map(entry).collect()
    }
}
