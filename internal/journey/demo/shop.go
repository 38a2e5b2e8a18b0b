// Package demo seeds an installation with a small shop in three languages:
// numbers, flows, queues, people, and a week of labelled history. Everything it
// writes carries the demo mark, so that it can be removed in one go. It seeds
// an installation once and never touches one that has data.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/omni"
)

// Store is what seeding writes to.
type Store interface {
	account.Store
	CommitOmni(ctx context.Context, c omni.Change, audit ...account.Entry) ([]omni.Event, error)
}

// Flow is a flow of the shop: its id, the number that leads to it, and its text.
type Flow struct {
	ID, Name, Number, Description, Text string
}

// Logins are the demo's log-ins, in the order in which they are printed.
var Logins = []string{"agent@demo", "agent2@demo", "supervisor@demo", "admin@demo"}

// marker is the record that says that the demo was seeded.
const marker = "demo"

// Seeded reports whether the installation has been seeded before.
func Seeded(ctx context.Context, s account.Store) (bool, error) {
	_, err := s.Record(ctx, account.KindNote, marker)
	if errors.Is(err, account.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Empty reports whether nobody has set anything up yet.
func Empty(ctx context.Context, s account.Store) (bool, error) {
	users, err := s.Records(ctx, account.KindUser, account.Page{Limit: 1})
	if err != nil {
		return false, err
	}
	numbers, err := s.Records(ctx, account.KindNumber, account.Page{Limit: 1})
	return len(users)+len(numbers) == 0, err
}

// Seed writes the shop and its history. hash is the hash of the one password of
// all log-ins.
func Seed(ctx context.Context, s Store, flows []Flow, hash string, now time.Time) error {
	writes, err := shop(flows, hash, now)
	if err != nil {
		return err
	}
	if _, err := s.Change(ctx, writes, nil); err != nil {
		return fmt.Errorf("seed the demo shop: %w", err)
	}
	return seedHistory(ctx, s, now)
}

// SetPassword gives all demo log-ins a password.
func SetPassword(ctx context.Context, s account.Store, hash string) error {
	var writes []account.Write
	for _, email := range Logins {
		r, err := s.RecordByKey(ctx, account.KindUser, email)
		if errors.Is(err, account.ErrNotFound) {
			continue // removed by an administrator
		}
		if err != nil {
			return err
		}
		u, err := account.DecodeUser(r)
		if err != nil {
			return err
		}
		u.PasswordHash = hash
		next, err := u.Record()
		if err != nil {
			return err
		}
		next.Version = r.Version
		writes = append(writes, account.Write{Record: next})
	}
	_, err := s.Change(ctx, writes, nil)
	return err
}

// The shop's records.
const (
	queueSales   = "qu_sales"
	queueService = "qu_service"
	queueFinance = "qu_billing"
	teamShop     = "tm_shop"
	agentOne     = "ag_linwei"
	agentTwo     = "ag_kenji"
)

type builder struct {
	writes []account.Write
	err    error
}

func (b *builder) add(kind account.Kind, id, key string, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		b.err = errors.Join(b.err, err)
		return
	}
	b.writes = append(b.writes, account.Write{Record: account.Record{Kind: kind, ID: id, Key: key, Body: raw, Demo: true}})
}

func shop(flows []Flow, hash string, now time.Time) ([]account.Write, error) {
	b := &builder{}
	b.add(account.KindNote, marker, marker, map[string]any{"seeded_at": now})
	b.add(account.KindTeam, teamShop, "Shop", setup.Team{Name: "Shop", Description: "Demo shop"})
	b.queues()
	b.people(hash)
	b.add(account.KindLine, "ln_local", "This machine", localLine())
	b.add(account.KindCalendar, "ca_demo", "shop", shopHours())
	for _, f := range flows {
		b.add(account.KindFlow, f.ID, f.Name, setup.Flow{Name: f.Name, Description: f.Description, Draft: f.Text, Published: 1, Latest: 1})
		b.add(account.KindFlowVersion, setup.FlowVersionID(f.ID, 1), setup.FlowVersionID(f.ID, 1),
			setup.FlowVersion{FlowID: f.ID, Version: 1, Text: f.Text, PublishedAt: now})
		b.add(account.KindNumber, "nu_"+f.Number, f.Number,
			setup.Number{Number: f.Number, Description: f.Description, LineIDs: []string{}, FlowID: f.ID, TestPhone: true, Enabled: true})
	}
	for i, r := range breaks {
		b.add(account.KindBreak, r.id, r.id, setup.Break{Names: r.names, Order: i})
	}
	for i, c := range codes {
		b.add(account.KindWrapUpCode, "wc_"+c.id, c.id, setup.WrapUpCode{Category: c.category, Code: c.id, Names: c.names, Order: i})
	}
	return b.writes, b.err
}

func (b *builder) queues() {
	for _, q := range []struct {
		id, name string
		names    setup.Labels
	}{
		{queueSales, "Sales", setup.Labels{"zh-CN": "销售", "en": "Sales", "ja": "ご購入"}},
		{queueService, "After-sales", setup.Labels{"zh-CN": "售后", "en": "After-sales", "ja": "アフターサービス"}},
		{queueFinance, "Finance", setup.Labels{"zh-CN": "财务", "en": "Finance", "ja": "お支払い"}},
	} {
		rec := setup.NewQueue()
		rec.Name, rec.Names, rec.TeamID = q.name, q.names, teamShop
		rec.Overflow = []agent.OverflowAction{{Kind: agent.OverflowVoicemail}, {Kind: agent.OverflowEnd}}
		b.add(account.KindQueue, q.id, q.name, rec)
	}
}

func (b *builder) people(hash string) {
	all := []string{queueSales, queueService, queueFinance}
	for _, p := range []struct {
		email, name, userID, agentID string
		role                         account.Role
		skills                       map[string]int
	}{
		{"agent@demo", "Lin Wei", "us_linwei", agentOne, account.RoleAgent, map[string]int{"zh": 5, "en": 4}},
		{"agent2@demo", "Sato Kenji", "us_kenji", agentTwo, account.RoleAgent, map[string]int{"ja": 5, "en": 4}},
		{"supervisor@demo", "Amara Obi", "us_amara", "", account.RoleSupervisor, nil},
		{"admin@demo", "Ruth Hale", "us_ruth", "", account.RoleAdmin, nil},
	} {
		u := account.User{Email: p.email, Name: p.name, Role: p.role, TeamID: teamShop, AgentID: p.agentID, PasswordHash: hash}
		if p.role != account.RoleAgent {
			u.TeamID = ""
		}
		b.add(account.KindUser, p.userID, p.email, u)
		if p.agentID != "" {
			a := setup.NewAgent()
			a.Name, a.UserID, a.TeamID, a.Skills, a.Queues = p.name, p.userID, teamShop, p.skills, all
			b.add(account.KindAgent, p.agentID, "", a)
		}
	}
}

func localLine() setup.Line {
	l := setup.NewLine()
	l.Name, l.Mode, l.Hosts = "This machine", setup.LineByAddress, []string{"127.0.0.0/8", "::1/128"}
	return l
}

// shopHours are open day and night, so that the demo answers whenever it is
// tried; the special days show what holidays look like.
func shopHours() setup.Calendar {
	all := []setup.Hours{{From: "00:00", To: "24:00"}}
	return setup.Calendar{Name: "shop", Timezone: "Asia/Shanghai", Days: []setup.SpecialDay{}, Week: map[setup.Weekday][]setup.Hours{
		"mon": all, "tue": all, "wed": all, "thu": all, "fri": all, "sat": all, "sun": all,
	}}
}

type labelled struct {
	id, category string
	names        setup.Labels
}

var breaks = []labelled{
	{"lunch", "", setup.Labels{"zh-CN": "午餐", "en": "Lunch", "ja": "昼食"}},
	{"meeting", "", setup.Labels{"zh-CN": "会议", "en": "Meeting", "ja": "会議"}},
	{"training", "", setup.Labels{"zh-CN": "培训", "en": "Training", "ja": "研修"}},
}

var codes = []labelled{
	{"order_placed", "sales", setup.Labels{"zh-CN": "已下单", "en": "Order placed", "ja": "注文済み"}},
	{"information", "sales", setup.Labels{"zh-CN": "咨询", "en": "Information given", "ja": "ご案内"}},
	{"delivery", "service", setup.Labels{"zh-CN": "物流问题", "en": "Delivery", "ja": "配送について"}},
	{"return", "service", setup.Labels{"zh-CN": "退换货", "en": "Return or exchange", "ja": "返品・交換"}},
	{"invoice", "finance", setup.Labels{"zh-CN": "发票", "en": "Invoice", "ja": "請求書"}},
	{"wrong_number", "other", setup.Labels{"zh-CN": "打错电话", "en": "Wrong number", "ja": "間違い電話"}},
}

// Remover deletes demo rows.
type Remover interface {
	account.Store
	// DeleteDemo deletes demo customers, conversations and what belongs to them,
	// and returns how many conversations that were. The journal stays.
	DeleteDemo(ctx context.Context) (conversations int, err error)
}

// Removed counts what Remove deleted.
type Removed struct{ Records, Conversations int }

// kinds is every kind of record that the shop has, referring ones first.
var kinds = []account.Kind{
	account.KindNumber, account.KindUser, account.KindAgent, account.KindDevice, account.KindLine, account.KindFlowVersion,
	account.KindFlow, account.KindQueue, account.KindCalendar, account.KindBreak, account.KindWrapUpCode, account.KindTeam, account.KindNote,
}

// Remove deletes everything that carries the demo mark.
func Remove(ctx context.Context, s Remover) (Removed, error) {
	var n Removed
	var writes []account.Write
	for _, k := range kinds {
		records, err := s.Records(ctx, k, account.Page{})
		if err != nil {
			return n, err
		}
		for _, r := range records {
			if r.Demo {
				writes = append(writes, account.Write{Record: r, Delete: true})
			}
		}
	}
	if _, err := s.Change(ctx, writes, nil); err != nil {
		return n, fmt.Errorf("remove the demo shop: %w", err)
	}
	n.Records = len(writes)
	var err error
	n.Conversations, err = s.DeleteDemo(ctx)
	return n, err
}
