package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/openhotline/hotline/agent/account"
)

// simulationHeader is the header of an INVITE in which a simulation's token goes
// (journey.SimulationHeader).
const simulationHeader = "X-Hotline-Simulation"

// SimulationBody is the permission to make simulated calls.
type SimulationBody struct {
	Header string    `json:"header" doc:"Header of the INVITE that carries the token"`
	Token  string    `json:"token" doc:"Calls with it count as simulated"`
	Ends   time.Time `json:"ends"`
}

type simulationInput struct {
	Body struct {
		Seconds int `json:"seconds" minimum:"1" maximum:"100000" doc:"How long the token is good"`
	}
}

func (s *Server) registerSimulations() {
	op := operation("create-simulation", http.MethodPost, "/simulations", tagSetup, "Get a token for simulated calls", account.ActSimulate)
	op.DefaultStatus = http.StatusCreated
	register(s, op, func(ctx context.Context, in *simulationInput) (*one[SimulationBody], error) {
		if s.cfg.Simulation == nil {
			return nil, problem(ProblemUnavailable, "")
		}
		token, ends, err := s.cfg.Simulation(ctx, time.Duration(in.Body.Seconds)*time.Second)
		if err != nil {
			return nil, err
		}
		if err := s.auditFirst(ctx, account.Entry{Action: "simulation.create", Target: ends.UTC().Format(time.RFC3339)}); err != nil {
			return nil, err // the token is given to nobody
		}
		return &one[SimulationBody]{SimulationBody{simulationHeader, token, ends}}, nil
	})
}
