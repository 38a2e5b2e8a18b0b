package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// desk is an agent's workbench without its pages: the live socket.
type desk struct {
	s        *server
	token    string
	agentID  string
	conn     *websocket.Conn
	messages chan deskMessage
}

type deskMessage struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

// openDesk logs an agent in, makes them available and reads their socket.
func (s *server) openDesk(email string) *desk {
	s.t.Helper()
	d := s.openTab(email, "")
	s.call(http.MethodPut, "/agents/me/presence", d.token, map[string]string{"presence": "available"}, nil)
	return d
}

// openTab logs an agent in and reads the socket of a browser tab of that name.
func (s *server) openTab(email, tab string) *desk {
	s.t.Helper()
	d := &desk{s: s, token: s.login(email), messages: make(chan deskMessage, 1024)}
	var me struct {
		User struct {
			AgentID string `json:"agent_id"`
		} `json:"user"`
	}
	s.call(http.MethodGet, "/me", d.token, nil, &me)
	d.agentID = me.User.AgentID
	conn, res, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.http, "http")+"/api/v1/live?tab="+tab, http.Header{"Authorization": {"Bearer " + d.token}})
	if err != nil {
		s.t.Fatal(err)
	}
	_ = res.Body.Close()
	d.conn = conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			var m deskMessage
			if conn.ReadJSON(&m) != nil {
				return
			}
			select {
			case d.messages <- m:
			default: // the test does not look any more
			}
		}
	}()
	s.t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return d
}

// wait returns the data of the next message of a type.
func (d *desk) wait(kind string, limit time.Duration) json.RawMessage {
	d.s.t.Helper()
	end := time.After(limit)
	for {
		select {
		case m := <-d.messages:
			if m.Type == kind {
				return m.Data
			}
		case <-end:
			d.s.t.Fatalf("not within %s: message %s", limit, kind)
			return nil
		}
	}
}
