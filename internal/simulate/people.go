package simulate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

// The simulated people's secrets. They exist only while a simulation runs.
const (
	workerPassword = "synthetic-worker-7341"
	devicePassword = "synthetic-device-7341"
)

// hire sets the simulated agents up: user, agent, and desk phone where wanted.
func (s *simulation) hire(ctx context.Context) error {
	run := fmt.Sprintf("%x", time.Now().UnixMilli()%0xffffffff)
	for i := range s.cfg.WebAgents + s.cfg.SIPAgents {
		w := &worker{
			s: s, name: fmt.Sprintf("Simulated %s-%d", run, i+1), agentID: fmt.Sprintf("ag_sim%s_%d", run, i+1),
			api: newClient(s.cfg.Target), rnd: rand.New(rand.NewPCG(s.cfg.Seed, uint64(i)+2)), offered: map[string]time.Time{},
		}
		if i >= s.cfg.WebAgents {
			w.device = fmt.Sprintf("sim%s-%d", run, i+1)
		}
		if err := s.hireOne(ctx, w, fmt.Sprintf("sim%s-%d@simulated.invalid", run, i+1)); err != nil {
			return fmt.Errorf("set %s up: %w", w.name, err)
		}
		s.workers = append(s.workers, w)
	}
	return nil
}

func (s *simulation) hireOne(ctx context.Context, w *worker, email string) error {
	suffix := w.agentID[len("ag_"):]
	deviceID := ""
	if w.device != "" {
		deviceID = "dv_" + suffix
		if err := s.create(ctx, "/devices", deviceID, map[string]any{
			"name": w.name, "username": w.device, "password": devicePassword, "display_name": w.name, "enabled": true,
		}); err != nil {
			return err
		}
		s.device[w.device] = w
	}
	if err := s.create(ctx, "/agents", w.agentID, map[string]any{
		"name": w.name, "queues": []string{s.cfg.Queue}, "device_id": deviceID, "skills": map[string]int{"zh": 3, "en": 3, "ja": 3}, "enabled": true,
	}); err != nil {
		return err
	}
	if err := s.create(ctx, "/users", "us_"+suffix, map[string]any{
		"email": email, "name": w.name, "role": "agent", "password": workerPassword, "agent_id": w.agentID,
	}); err != nil {
		return err
	}
	return w.api.login(ctx, email, workerPassword)
}

// create makes one record and notes that it is to be deleted at the end.
func (s *simulation) create(ctx context.Context, path, id string, body map[string]any) error {
	body["id"] = id
	if err := s.api.call(ctx, http.MethodPost, path, body, nil); err != nil {
		return err
	}
	s.made = append(s.made, path+"/"+id)
	return nil
}

// cleanUp deletes what hire made, the last first.
func (s *simulation) cleanUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for _, path := range slices.Backward(s.made) {
		if err := s.api.call(ctx, http.MethodDelete, path, nil, nil); err != nil {
			s.log.Warn("left behind", "record", path, "err", err)
		}
	}
}
