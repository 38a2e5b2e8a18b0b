package httpapi

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/insight"
	"github.com/openhotline/hotline/omni"
)

// Enumerations get a schema of their own name, so that clients get a named type.
// The types below stand for those of the domain packages, which know no OpenAPI.
type (
	problemTypeEnum struct{}
	roleEnum        struct{}
	stateEnum       struct{}
	endReasonEnum   struct{}
	channelEnum     struct{}
	directionEnum   struct{}
	methodEnum      struct{}
	segmentEnum     struct{}
	partyEnum       struct{}
	recordingEnum   struct{}
	failureEnum     struct{}
	strategyEnum    struct{}
	overflowEnum    struct{}
	formulaEnum     struct{}
	lineModeEnum    struct{}
	transportEnum   struct{}
	weekdayEnum     struct{}
	emptyRuleEnum   struct{}
	presenceEnum    struct{}
	setByEnum       struct{}
	workStateEnum   struct{}
	entryStateEnum  struct{}
	agentChannel    struct{}
	byEnum          struct{}
	granularityEnum struct{}
	unitEnum        struct{}
	actionEnum      struct{}
)

// enumRef registers a named enumeration once and returns a reference to it.
func enumRef[T ~string](r huma.Registry, name string, values []T, more ...T) *huma.Schema {
	if _, ok := r.Map()[name]; !ok {
		s := &huma.Schema{Type: huma.TypeString}
		for _, v := range append(append([]T{}, values...), more...) {
			s.Enum = append(s.Enum, string(v))
		}
		s.PrecomputeMessages()
		r.Map()[name] = s
	}
	return &huma.Schema{Ref: "#/components/schemas/" + name}
}

// Schema implements huma.SchemaProvider.
func (problemTypeEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "ProblemType", ProblemTypes)
}

// Schema implements huma.SchemaProvider.
func (roleEnum) Schema(r huma.Registry) *huma.Schema { return enumRef(r, "Role", account.Roles) }

// Schema implements huma.SchemaProvider.
func (stateEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "ConversationState", omni.States)
}

// Schema implements huma.SchemaProvider. Empty means: not ended yet.
func (endReasonEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "EndReason", []omni.EndReason{
		"", omni.CustomerDisconnect, omni.AgentDisconnect, omni.ThirdPartyDisconnect, omni.Barged, omni.FlowDisconnect,
		omni.TelecomProblem, omni.AgentRejected, omni.AgentTimeout, omni.AgentLost, omni.OverflowEnd, omni.OverflowTransfer,
		omni.CustomerTimeout, omni.AgentInactivityTimeout, omni.MaxWait, omni.NoAgent, omni.SupervisorForceClose,
		omni.BotEnded, omni.BotFailedEscalated, omni.Expired, omni.EndedByAPI, omni.ModerationBlock, omni.SystemError,
		omni.Answered, omni.Transferred, omni.NextStep, omni.Resumed, omni.WrappedUp,
	})
}

// Schema implements huma.SchemaProvider.
func (channelEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "Channel", []omni.Channel{omni.Voice})
}

// Schema implements huma.SchemaProvider.
func (directionEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "Direction", []omni.Direction{omni.Inbound, omni.Outbound})
}

// Schema implements huma.SchemaProvider.
func (methodEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "InitiationMethod", []omni.InitiationMethod{
		omni.ByInbound, omni.ByOutbound, omni.ByTransfer, omni.ByQueueTransfer, omni.ByCallback, omni.ByAPI, omni.ByMonitor, omni.BySimulated,
	})
}

// Schema implements huma.SchemaProvider.
func (segmentEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "SegmentKind", []omni.SegmentKind{
		omni.SegmentFlow, omni.SegmentBot, omni.SegmentQueue, omni.SegmentOffer, omni.SegmentAgent, omni.SegmentHold,
		omni.SegmentConsult, omni.SegmentMonitor, omni.SegmentWrapUp,
	})
}

// Schema implements huma.SchemaProvider.
func (partyEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "Party", []omni.Party{omni.PartyCustomer, omni.PartyAgent, omni.PartySupervisor, omni.PartyExternal, omni.PartyBot})
}

// Schema implements huma.SchemaProvider.
func (recordingEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "RecordingState", []omni.RecordingState{omni.RecordingRunning, omni.RecordingReady, omni.RecordingFailed, omni.RecordingDeleted})
}

// Schema implements huma.SchemaProvider.
func (failureEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "RecordingFailure", omni.RecordingFailures)
}

// Schema implements huma.SchemaProvider.
func (strategyEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "Strategy", agent.Strategies)
}

// Schema implements huma.SchemaProvider.
func (overflowEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "OverflowKind", agent.OverflowKinds)
}

// Schema implements huma.SchemaProvider.
func (formulaEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "ServiceLevelFormula", []agent.Formula{agent.SLStrict, agent.SLOffered, agent.SLAnswered, agent.SLRemoved, agent.SLFair})
}

// Schema implements huma.SchemaProvider.
func (lineModeEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "LineMode", setup.LineModes)
}

// Schema implements huma.SchemaProvider.
func (transportEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "Transport", setup.Transports)
}

// Schema implements huma.SchemaProvider.
func (weekdayEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "Weekday", setup.Weekdays)
}

// Schema implements huma.SchemaProvider.
func (emptyRuleEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "EmptyRule", []agent.EmptyRule{agent.EmptyYes, agent.EmptyNo, agent.EmptyStrict})
}

// Schema implements huma.SchemaProvider.
func (presenceEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "PresenceState", []agent.PresenceState{agent.Offline, agent.Available, agent.Break})
}

// Schema implements huma.SchemaProvider.
func (setByEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "PresenceSetBy", []agent.SetBy{agent.ByAgent, agent.BySupervisor, agent.BySystem})
}

// Schema implements huma.SchemaProvider.
func (workStateEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "WorkState", agent.WorkStates)
}

// Schema implements huma.SchemaProvider.
func (entryStateEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "EntryState", []agent.EntryState{
		agent.EntryWaiting, agent.EntryOffered, agent.EntryAssigned, agent.EntryLeft, agent.EntryOverflowed,
	})
}

// Schema implements huma.SchemaProvider.
func (agentChannel) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "CapacityChannel", []agent.Channel{agent.Voice, agent.Chat})
}

// Schema implements huma.SchemaProvider.
func (byEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "FiguresBy", []insight.By{insight.ByQueue, insight.ByAgent, insight.ByTotal})
}

// Schema implements huma.SchemaProvider.
func (granularityEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "Granularity", []insight.Granularity{insight.HalfHour, insight.Hour, insight.Day, insight.Week, insight.Whole})
}

// Schema implements huma.SchemaProvider.
func (unitEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "FigureUnit", []insight.Unit{insight.Count, insight.Seconds, insight.Ratio})
}

// Schema implements huma.SchemaProvider.
func (actionEnum) Schema(r huma.Registry) *huma.Schema {
	return enumRef(r, "Permission", account.Actions())
}

// aliasEnums makes the domain's enumerations use the schemas above.
func aliasEnums(r huma.Registry) {
	alias := func(t, as reflect.Type) { r.RegisterTypeAlias(t, as) }
	alias(reflect.TypeFor[ProblemType](), reflect.TypeFor[problemTypeEnum]())
	alias(reflect.TypeFor[account.Role](), reflect.TypeFor[roleEnum]())
	alias(reflect.TypeFor[omni.State](), reflect.TypeFor[stateEnum]())
	alias(reflect.TypeFor[omni.EndReason](), reflect.TypeFor[endReasonEnum]())
	alias(reflect.TypeFor[omni.Channel](), reflect.TypeFor[channelEnum]())
	alias(reflect.TypeFor[omni.Direction](), reflect.TypeFor[directionEnum]())
	alias(reflect.TypeFor[omni.InitiationMethod](), reflect.TypeFor[methodEnum]())
	alias(reflect.TypeFor[omni.SegmentKind](), reflect.TypeFor[segmentEnum]())
	alias(reflect.TypeFor[omni.Party](), reflect.TypeFor[partyEnum]())
	alias(reflect.TypeFor[omni.RecordingState](), reflect.TypeFor[recordingEnum]())
	alias(reflect.TypeFor[omni.RecordingFailure](), reflect.TypeFor[failureEnum]())
	alias(reflect.TypeFor[agent.Strategy](), reflect.TypeFor[strategyEnum]())
	alias(reflect.TypeFor[agent.OverflowKind](), reflect.TypeFor[overflowEnum]())
	alias(reflect.TypeFor[agent.Formula](), reflect.TypeFor[formulaEnum]())
	alias(reflect.TypeFor[setup.LineMode](), reflect.TypeFor[lineModeEnum]())
	alias(reflect.TypeFor[setup.Transport](), reflect.TypeFor[transportEnum]())
	alias(reflect.TypeFor[setup.Weekday](), reflect.TypeFor[weekdayEnum]())
	alias(reflect.TypeFor[agent.EmptyRule](), reflect.TypeFor[emptyRuleEnum]())
	alias(reflect.TypeFor[agent.PresenceState](), reflect.TypeFor[presenceEnum]())
	alias(reflect.TypeFor[agent.SetBy](), reflect.TypeFor[setByEnum]())
	alias(reflect.TypeFor[agent.WorkState](), reflect.TypeFor[workStateEnum]())
	alias(reflect.TypeFor[agent.EntryState](), reflect.TypeFor[entryStateEnum]())
	alias(reflect.TypeFor[agent.Channel](), reflect.TypeFor[agentChannel]())
	alias(reflect.TypeFor[insight.By](), reflect.TypeFor[byEnum]())
	alias(reflect.TypeFor[insight.Granularity](), reflect.TypeFor[granularityEnum]())
	alias(reflect.TypeFor[insight.Unit](), reflect.TypeFor[unitEnum]())
	alias(reflect.TypeFor[account.Action](), reflect.TypeFor[actionEnum]())
}
