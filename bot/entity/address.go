package entity

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	enAddress = regexp.MustCompile(`\b(?:(?:flat|apt|apartment|unit|suite|room)\.? ?\d+[a-z]?,? )?\d{1,6}[a-z]?(?:-\d+)?,? (?:(?:[a-z][a-z'.]*|\d{1,3}(?:st|nd|rd|th)) ){0,4}?(?:street|st|avenue|ave|av|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|terrace|way|square|sq|highway|hwy|parkway|pkwy|crescent|close|cross|circle|row|walk|mews|gardens|grove|hill|park|broadway|quay|wharf|rise|view|green)\b\.?(?: (?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|court|ct|place|pl|terrace|way|square|row|close|crescent|walk|mews|gardens|park)\b\.?)?(?: (?:north|south|east|west|n|s|e|w|nw|ne|sw|se)\b)?` +
		`(?:,? ?(?:apt|apartment|flat|unit|suite|ste|room|floor|#)\.? ?[a-z0-9]+)?(?:, ?[a-z][a-z .']{1,30}){0,3}(?:,? [a-z]{2}\b)?(?: ?,? ?(?:\d{5}(?:-\d{4})?|[a-z]{1,2}\d[a-z\d]? ?\d[a-z]{2}))?`)
	enPostcode = regexp.MustCompile(`(?:\d{5}(?:-\d{4})?|[a-z]{1,2}\d[a-z\d]? ?\d[a-z]{2})$`)
	enStops    = wordSet("en", "address_stops")

	zhAddress  = regexp.MustCompile(`(?:\p{Han}{2,8}?(?:省|自治区))?(?:\p{Han}{2,8}?市)?(?:\p{Han}{1,6}?(?:新区|区|县|镇|乡))?[\p{Han}\d]{1,14}?(?:大道|路|街道|街|巷|弄|胡同|小区|花园|大厦|广场|公寓|新村|村|苑|家园|[东西南北]园|学院|大学|工业园|科技园|园区|中心|医院|酒店|府|城|湾|里|坊|庄)[\p{Han}\da-z\-#]{0,40}(?:[,，、 ]\s?[\p{Han}]{0,12}?[\da-z]+\-?\d*(?:号楼|号院|号|栋|幢|座|单元|室|层|楼|户|铺)[\p{Han}\da-z\-]{0,20}){0,3}`)
	zhDistrict = regexp.MustCompile(`(?:\p{Han}{2,8}?(?:省|自治区))?\p{Han}{2,8}?(?:市|州|盟)\p{Han}{1,6}?(?:新区|区|县|镇|乡)`)
	zhPlace    = regexp.MustCompile(anyOf("zh", "places"))
	zhLead     = regexp.MustCompile(`^.*?` + anyOf("zh", "address_leads"))
	zhStop     = regexp.MustCompile(anyOf("zh", "address_stops"))
	// zhUnit is where a building, a flat or a number ends.
	zhUnit = regexp.MustCompile(`\d[\da-z]*(?:\-[\da-z]+)*(?:号楼|号院|号|栋|幢|座|单元|室|层|楼|户|弄|组|队|期|区|铺)?`)
	// zhBuilding may follow a number: 90号世纪大厦
	zhBuilding = regexp.MustCompile(`^\p{Han}{1,10}?(?:大厦|小区|花园|公寓|广场|中心|苑|家园|城|学院|大学|医院|酒店|店|园|楼|旁边?|对面)`)
	zhStreet   = regexp.MustCompile(`(?:大道|路|街道|街|巷|弄|胡同|小区|花园|大厦|广场|公寓|新村|村|苑|家园|学院|大学|园|园区|中心|医院|酒店)`)
	zhExact    = regexp.MustCompile(`\d|省|市|[^小校厂社园景库]区|县`)

	jaCities = anyOf("ja", "kana_cities")
	jaNumber = `[\d一二三四五六七八九十〇]`
	// jaFirst is the first number of an address: one in Han is followed by what it counts, 三軒茶屋2-11.
	jaFirst   = `(?:\d|[一二三四五六七八九十〇]{1,3}(?:丁目|番|条|号|[\-の]\d))`
	jaAddress = regexp.MustCompile(`(?:〒?\d{3}-?\d{4}[ 、]?)?(?:(?:東京都|北海道|(?:京都|大阪)府|(?:\p{Han}{2,3}県))(?:\p{Han}{1,5}[市区町村郡]|` + jaCities + `市)?|\p{Han}{1,5}市|` + jaCities + `市|\p{Han}{1,4}区|\p{Han}{1,4}郡\p{Han}{1,4}[町村])[\p{Han}\p{Katakana}\p{Hiragana}ーヶケ々 ]{0,20}?` +
		jaFirst + `(?:` + jaNumber + `|条(?:通り?)?[東西南北]?|線[東西南北]?|[\-の丁目番地号 ])*(?:[\p{Han}\p{Katakana}ーa-z ]{0,20}?\d{1,4}(?:番地?)?(?:[\-の]\d{1,4})*号?室?)?`)
	jaTail = regexp.MustCompile(`(?:の|[ \-、])+$`)
)

// restOfPostcode is what follows the letters of a British postcode.
var restOfPostcode = regexp.MustCompile(`^\d[a-z\d]? ?\d[a-z]{2}\b`)

// small tells that a word begins with a small letter: no name of a town in a
// text that has capitals.
func small(word string) bool {
	r, _ := utf8.DecodeRuneInString(word)
	return unicode.IsLower(r)
}

// townWords may stand in the name of a town, where a postcode shows that the
// address goes on: "Stoke on Trent ST1 1LZ".
var townWords = wordSet("en", "town_words")

func (s *search) addresses() {
	if s.lang == "ja" {
		for _, m := range jaAddress.FindAllStringIndex(s.view.s, -1) {
			to := m[1]
			if t := jaTail.FindStringIndex(s.view.s[m[0]:to]); t != nil {
				to = m[0] + t[0]
			}
			s.add(Address, strings.TrimSpace(s.view.said(m[0], to)), m[0], to, false)
		}
	}
	if s.lang == "zh" {
		for _, m := range zhAddress.FindAllStringIndex(s.view.s, -1) {
			s.zhAddress(m[0], m[1])
		}
		if !s.has(Address) {
			for _, m := range zhDistrict.FindAllStringIndex(s.view.s, -1) {
				if at := zhPlace.FindStringIndex(s.view.s[m[0]:m[1]]); at != nil {
					s.add(Address, s.view.said(m[0]+at[0], m[1]), m[0]+at[0], m[1], false)
				}
			}
		}
	}
	for _, m := range enAddress.FindAllStringIndex(s.view.s, -1) {
		to := s.enAddressEnd(m[0], m[1])
		s.add(Address, strings.Trim(s.view.said(m[0], to), " ,."), m[0], to, false)
	}
}

// enAddressEnd cuts what goes on behind an address: the name of a town has no
// verbs and pronouns in it. A postcode at the end shows that all is address.
func (s *search) enAddressEnd(from, to int) int {
	if more := restOfPostcode.FindStringIndex(s.view.s[to:]); more != nil && to > from && s.view.s[to-1] >= 'a' {
		to += more[1] // the letters before it were taken for a part of the town
	}
	whole := enPostcode.MatchString(s.view.s[from:to])
	capitals := strings.ContainsFunc(s.view.said(from, to), unicode.IsUpper)
	end, at := to, to // one segment ends in the kind of street
	if i := strings.IndexByte(s.view.s[from:to], ','); i >= 0 {
		at = from + i
	}
	comma := at
	for at < end {
		for at < end && (s.view.s[at] == ' ' || s.view.s[at] == ',') {
			at++
		}
		next := at
		for next < end && s.view.s[next] != ' ' && s.view.s[next] != ',' {
			next++
		}
		if w := strings.Trim(s.view.s[at:next], ".'"); enStops[w] && !(whole && townWords[w]) || capitals && !whole && at > comma && small(s.view.said(at, next)) && !townWords[w] {
			end = at
			break
		}
		at = next
	}
	for end > from && strings.IndexByte(" ,", s.view.s[end-1]) >= 0 {
		end--
	}
	if at := lastLittle.FindStringIndex(s.view.s[from:end]); at != nil && !whole && small(s.view.said(from+at[0]+1, end)) {
		end = from + at[0]
	}
	return end
}

// lastLittle is a little word behind an address that might be a state: "5 Cedar
// St on Monday".
var lastLittle = regexp.MustCompile(` (?:on|in|at|to|is|or|so|my|we|it|if|me|hi|by)$`)

// zhAddress cuts what leads up to the address and what goes on behind it, and
// takes it if it is more than the name of a road.
func (s *search) zhAddress(from, to int) {
	if at := zhPlace.FindStringIndex(s.view.s[from:to]); at != nil {
		from += at[0]
	} else {
		for range 3 {
			lead := zhLead.FindStringIndex(s.view.s[from:to])
			if lead == nil || utf8.RuneCountInString(s.view.s[from+lead[1]:to]) < 4 {
				break
			}
			from += lead[1]
		}
	}
	if stop := zhStop.FindAllStringIndex(s.view.s[from:to], -1); stop != nil {
		for _, at := range stop {
			if at[0] > 0 {
				to = from + at[0]
				break
			}
		}
	}
	to = from + zhEnd(s.view.s[from:to])
	text := s.view.s[from:to]
	if utf8.RuneCountInString(text) >= 5 && zhExact.MatchString(text) {
		s.add(Address, strings.TrimSpace(s.view.said(from, to)), from, to, false)
	}
}

// zhEnd is where an address ends that other words follow: behind its last
// number or building, or without numbers behind the kind of street.
func zhEnd(text string) int {
	units := zhUnit.FindAllStringIndex(text, -1)
	if units == nil {
		streets := zhStreet.FindAllStringIndex(text, -1)
		if streets == nil {
			return len(text)
		}
		return streets[len(streets)-1][1]
	}
	end := units[len(units)-1][1]
	if b := zhBuilding.FindStringIndex(text[end:]); b != nil {
		end += b[1]
	} else if streets := zhStreet.FindAllStringIndex(text, -1); streets != nil && streets[len(streets)-1][1] > end {
		end = streets[len(streets)-1][1]
	}
	return end
}
