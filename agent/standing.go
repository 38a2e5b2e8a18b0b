package agent

import "slices"

// Standing is where a conversation stands with the router.
type Standing struct {
	Entry  *QueueEntry `json:"entry,omitempty"`  // it waits, or is being offered
	Offers []Offer     `json:"offers,omitempty"` // pending
	Works  []Work      `json:"works,omitempty"`  // of every agent, those of the pending offers included
}

// Accepted tells whether an offer was accepted and its work still goes on.
func (s Standing) Accepted(offerID string) bool {
	_, works := s.Work(offerID)
	return works && !s.Pending(offerID)
}

// Work is an agent's work that goes on, by its id, which is that of its offer.
func (s Standing) Work(id string) (Work, bool) {
	i := slices.IndexFunc(s.Works, func(w Work) bool { return w.ID == id })
	if i < 0 {
		return Work{}, false
	}
	return s.Works[i], true
}

// Pending tells whether an offer is pending.
func (s Standing) Pending(offerID string) bool {
	return slices.ContainsFunc(s.Offers, func(o Offer) bool { return o.ID == offerID })
}

// StandingOf tells where conversations stand; those that the router does not
// know are missing.
func (r *Router) StandingOf(conversationIDs []string) map[string]Standing {
	asked := make(map[string]bool, len(conversationIDs))
	out := map[string]Standing{}
	for _, id := range conversationIDs {
		asked[id] = true
		e := r.entries[id]
		if e == nil {
			continue
		}
		row := e.row
		s := Standing{Entry: &row}
		for _, o := range e.offers {
			s.Offers = append(s.Offers, o.row)
		}
		out[id] = s
	}
	for _, a := range r.agents {
		for _, w := range a.works {
			if id := w.row.ConversationID; asked[id] {
				s := out[id]
				s.Works = append(s.Works, w.row)
				out[id] = s
			}
		}
	}
	return out
}
