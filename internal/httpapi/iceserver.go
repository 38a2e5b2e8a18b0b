package httpapi

import "slices"

// ICEServer is a STUN or TURN server for browsers, in the form that
// RTCPeerConnection takes (W3C WebRTC §4.2.1). The credential reaches agents and
// supervisors, and no log.
type ICEServer struct {
	URLs       []string `json:"urls" doc:"Such as stun:stun.example.org:3478 or turn:turn.example.org:3478?transport=udp"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// openICEServers are those that anybody may use: a visitor of the test phone
// must not get a credential that outlives the visit.
func openICEServers(all []ICEServer) []ICEServer {
	return slices.DeleteFunc(slices.Clone(all), func(s ICEServer) bool { return s.Credential != "" })
}
