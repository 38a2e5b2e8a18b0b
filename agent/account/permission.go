package account

import "slices"

// Action is something that a role may or may not do.
type Action string

// The actions. A resource has .read and .write; the rest is spelled out.
const (
	ActSelf Action = "self" // own profile, password, log-out

	ActDesk           Action = "desk"            // work as an agent: presence, offers, calls, wrap-up
	ActPresenceOthers Action = "presence.others" // set somebody else's presence
	ActForceClose     Action = "conversations.close"
	ActSupervise      Action = "conversations.supervise" // listen to a running call, whisper, join, take over

	// Of these five, agents and a supervisor with a team see a part only:
	// docs/decisions/0004.
	ActConversations Action = "conversations.read"
	ActRecordings    Action = "recordings.listen"
	ActHold          Action = "recordings.hold" // keep one from being deleted, let it go
	ActErasuresRead  Action = "erasures.read"
	ActErasures      Action = "erasures.write"
	ActCustomersRead Action = "customers.read"
	ActCustomers     Action = "customers.write"
	ActJournal       Action = "journal.read"
	ActWallboard     Action = "wallboard.read"
	ActFigures       Action = "figures.read"

	ActTeamsRead   Action = "teams.read"
	ActTeams       Action = "teams.write"
	ActAgentsRead  Action = "agents.read"
	ActAgents      Action = "agents.write"
	ActQueuesRead  Action = "queues.read"
	ActQueues      Action = "queues.write"
	ActLinesRead   Action = "lines.read"
	ActLines       Action = "lines.write"
	ActNumbersRead Action = "numbers.read"
	ActNumbers     Action = "numbers.write"
	ActDevicesRead Action = "devices.read"
	ActDevices     Action = "devices.write"
	ActFlowNames   Action = "flows.names"
	ActFlowsRead   Action = "flows.read"
	ActFlows       Action = "flows.write"
	ActHoursRead   Action = "hours.read"
	ActHours       Action = "hours.write"
	ActBreaksRead  Action = "breaks.read"
	ActBreaks      Action = "breaks.write"
	ActWrapUpRead  Action = "wrapup_codes.read"
	ActWrapUpCodes Action = "wrapup_codes.write"
	ActUsersRead   Action = "users.read"
	ActUsers       Action = "users.write"
	ActTokensRead  Action = "tokens.read"
	ActTokens      Action = "tokens.write"
	ActAudit       Action = "audit.read"
	ActSimulate    Action = "simulations.write"
)

var (
	everybody = []Role{RoleAgent, RoleSupervisor, RoleAdmin, RoleAuditor}
	leading   = []Role{RoleSupervisor, RoleAdmin, RoleAuditor} // see more than their own work
	working   = []Role{RoleAgent, RoleSupervisor, RoleAdmin}
	managing  = []Role{RoleSupervisor, RoleAdmin}
	checking  = []Role{RoleAdmin, RoleAuditor}
	admins    = []Role{RoleAdmin}
)

// permissions is the whole table: who may do what. The auditor sees everything
// and changes nothing.
var permissions = map[Action][]Role{
	ActSelf: everybody,

	ActDesk:           working,
	ActPresenceOthers: managing,
	ActForceClose:     managing,
	ActSupervise:      managing,

	ActConversations: everybody,
	ActRecordings:    everybody,
	ActHold:          managing,
	ActErasuresRead:  checking,
	ActErasures:      admins,
	ActCustomersRead: everybody,
	ActCustomers:     working,
	ActJournal:       everybody,
	ActWallboard:     leading,
	ActFigures:       everybody,

	ActTeamsRead:   everybody,
	ActTeams:       admins,
	ActAgentsRead:  everybody,
	ActAgents:      managing,
	ActQueuesRead:  everybody,
	ActQueues:      managing,
	ActLinesRead:   leading,
	ActLines:       admins,
	ActNumbersRead: leading,
	ActNumbers:     admins,
	ActDevicesRead: checking,
	ActDevices:     admins,
	ActFlowNames:   everybody,
	ActFlowsRead:   leading,
	ActFlows:       admins,
	ActHoursRead:   leading,
	ActHours:       managing,
	ActBreaksRead:  everybody,
	ActBreaks:      admins,
	ActWrapUpRead:  everybody,
	ActWrapUpCodes: managing,
	ActUsersRead:   checking,
	ActUsers:       admins,
	ActTokensRead:  checking,
	ActTokens:      admins,
	ActAudit:       checking,
	ActSimulate:    admins,
}

// Allowed reports whether the role may do the action. Unknown actions and roles
// may not.
func Allowed(r Role, a Action) bool { return slices.Contains(permissions[a], r) }

// Actions lists every action of the table, sorted.
func Actions() []Action {
	out := make([]Action, 0, len(permissions))
	for a := range permissions {
		out = append(out, a)
	}
	slices.Sort(out)
	return out
}

// Granted lists what a role may do, sorted.
func Granted(r Role) []Action {
	return slices.DeleteFunc(Actions(), func(a Action) bool { return !Allowed(r, a) })
}

// within lists, by the role of a user, the roles that a token of theirs may have.
var within = map[Role][]Role{
	RoleAdmin:      everybody,
	RoleSupervisor: {RoleSupervisor, RoleAgent},
	RoleAgent:      {RoleAgent},
	RoleAuditor:    {RoleAuditor},
}

// MayDelegate reports whether a user of a role may own a token of another role.
func MayDelegate(user, token Role) bool { return slices.Contains(within[user], token) }
