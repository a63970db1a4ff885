//! Who may do what in an organization.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a person is in their organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Answers for the organization; may do everything.
    Owner,
    /// Runs the vault day by day; may not touch owners.
    Admin,
    /// Brings own provider keys and decides about requests for them.
    Member,
    /// Sees what everything cost, changes nothing but budgets.
    Finance,
}

/// Something a person may or may not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Store, rotate and destroy provider keys of one's own.
    KeepProviderKeys,
    /// Decide about access requests addressed to oneself, and change or revoke what came of them.
    DecideRequests,
    /// Make connect tickets and handles of one's own.
    ConnectApps,
    /// See and revoke grants of everybody in the organization.
    ManageGrants,
    /// Register, approve and remove apps (OAuth clients).
    ManageApps,
    /// Invite people, change their roles and remove them, owners excepted.
    ManageMembers,
    /// Make somebody an owner, or take that from them.
    ManageOwners,
    /// Set up single sign-on.
    ManageSignOn,
    /// Change what the organization allows at all.
    ManagePolicy,
    /// Set budgets.
    ManageBudgets,
    /// See usage of everybody; without it a person sees their own.
    SeeAllUsage,
    /// Export the record of usage.
    ExportUsage,
    /// Read the audit record.
    ReadAudit,
    /// Make and revoke API tokens of one's own.
    KeepApiTokens,
}

impl Role {
    /// Every role, from the most to the least trusted.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Admin, Self::Member, Self::Finance];

    /// Whether a person with this role may do this.
    #[must_use]
    pub const fn can(self, permission: Permission) -> bool {
        match permission {
            Permission::KeepProviderKeys | Permission::DecideRequests | Permission::ConnectApps => {
                matches!(self, Self::Owner | Self::Admin | Self::Member)
            }
            Permission::ManageGrants
            | Permission::ManageApps
            | Permission::ManageMembers
            | Permission::ManageSignOn
            | Permission::ManagePolicy
            | Permission::ReadAudit => matches!(self, Self::Owner | Self::Admin),
            Permission::ManageOwners => matches!(self, Self::Owner),
            Permission::ManageBudgets | Permission::SeeAllUsage | Permission::ExportUsage => {
                matches!(self, Self::Owner | Self::Admin | Self::Finance)
            }
            Permission::KeepApiTokens => true,
        }
    }

    /// Whether a person with this role may hand out `other`, for an API token or to a new member.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        match self {
            Self::Owner => true,
            Self::Admin => !matches!(other, Self::Owner),
            Self::Member => matches!(other, Self::Member),
            Self::Finance => matches!(other, Self::Finance),
        }
    }

    /// The word for it, in a column, on the wire and on a page.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Finance => "finance",
        }
    }
}

/// The text names no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is one of owner, admin, member and finance")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(UnknownRole)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_reads_back_from_its_word() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        for bad in ["", "Owner", "root", "owner "] {
            assert_eq!(bad.parse::<Role>(), Err(UnknownRole), "{bad}");
        }
    }

    #[test]
    fn finance_sees_costs_and_decides_nothing() {
        assert!(Role::Finance.can(Permission::SeeAllUsage));
        assert!(Role::Finance.can(Permission::ExportUsage));
        assert!(!Role::Finance.can(Permission::DecideRequests));
        assert!(!Role::Finance.can(Permission::KeepProviderKeys));
        assert!(!Role::Finance.can(Permission::ManageMembers));
    }

    #[test]
    fn a_member_decides_only_for_themselves() {
        assert!(Role::Member.can(Permission::DecideRequests));
        assert!(!Role::Member.can(Permission::ManageGrants));
        assert!(!Role::Member.can(Permission::SeeAllUsage));
    }

    #[test]
    fn nobody_hands_out_more_than_they_have() {
        assert!(!Role::Admin.covers(Role::Owner));
        assert!(!Role::Member.covers(Role::Finance));
        assert!(!Role::Finance.covers(Role::Member));
        for role in Role::ALL {
            assert!(Role::Owner.covers(role) && role.covers(role));
        }
    }
}
