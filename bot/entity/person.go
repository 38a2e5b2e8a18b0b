package entity

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	// Chinese family names that most people have (中国常见姓氏).
	familyNames = `(?:欧阳|司马|上官|诸葛|司徒|东方|皇甫|尉迟|公孙|慕容|令狐|夏侯|[王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许邓冯韩曹曾彭萧肖蔡潘田董袁于余叶蒋杜苏魏程吕丁沈任姚卢傅钟姜崔谭廖范汪陆金石戴贾韦夏邱方侯邹熊孟秦白江阎薛尹段雷黎史龙陶贺顾毛郝龚邵万钱严武莫孔向汤温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单裴霍涂成苗谷曲盛冉翁蓝路游辛靳管柴蒙鲍华喻祁房蒲滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑党宫费卜冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩明佘池查麻苑迟])`
	zhName      = []*regexp.Regexp{
		regexp.MustCompile(`(?:我的?名字是?叫?|我叫做?|姓名(?:是|为|[:：])?|名字叫|本人叫?|(?:收件人|收货人)也?(?:是|叫|为|换成|改成|改为|换一下,?换成|写|[:：])?|户名(?:是|为|[:：])?|持卡人(?:是|叫|为|[:：])?|机主(?:是|叫|为|[:：])?|联系人(?:是|叫|为|[:：])?)\s*(` + familyNames + `\p{Han}{1,2}?)(?:[,，。.、!！?？\s\d]|$|手机|电话|订单|尾号|想|要|的|，|就|是|我|身份|卡|在|住|地址)`),
		regexp.MustCompile(`(?:^|[,，。\s])我是(` + familyNames + `\p{Han}{1,2}?)(?:[,，。.、!！?？\s\d]|$|手机|电话|订单|想|要|尾号|，)`),
		regexp.MustCompile(`(?:我姓|免贵姓|姓)(` + familyNames + `)(?:[,，。.、\s]|$|名|的|叫)`),
	}
	jaName = []*regexp.Regexp{
		regexp.MustCompile(`(?:名前は|氏名は|お名前は|名義は|宛名は|わたくし|私は?|あの|えっと|、|。|^|\s|です|が)([\p{Han}々]{1,4}[ 　]?[\p{Han}々]{0,3}|\p{Katakana}[\p{Katakana}ー]{1,8}[ ・]?[\p{Katakana}ー]{0,8}|\p{Hiragana}{2,6} ?\p{Hiragana}{0,6})(?:と申します|と申し|といいます|と言います|という者|って言います|っていいます)`),
		regexp.MustCompile(`(?:名前は|氏名は|お名前は|名義は|宛名[はを]|受取人[はを]|契約者は|名前[がを]|氏名[:：]|名前[:：])\s?([\p{Han}々]{1,4}[ 　]?[\p{Han}々]{0,3}|\p{Katakana}[\p{Katakana}ー]{1,8}[ ・]?[\p{Katakana}ー]{0,8})(?:です|でございます|になります|に変更|に|で|、|。|\s|$)`),
		regexp.MustCompile(`(?:宛名|名義)は(株式会社[\p{Han}\p{Hiragana}\p{Katakana}ー]{1,12}?|[\p{Han}\p{Hiragana}\p{Katakana}ー]{1,12}?株式会社)(?:に|で|、|。|$)`),
	}
	enName = []*regexp.Regexp{
		regexp.MustCompile(`\b(?:my (?:full |first |last |sur)?name(?: is|'s)|name(?: is|'s|:| on (?:the|my) (?:account|order|card) is)|i am called|i'm called|under the name(?: of)?|this is|it's under|(?:the )?recipient(?: is|:| should be| will be|'s)|(?:put |change )?the name(?: should be| as| to)|(?:card|account) ?holder(?: is|:)|speaking to|call me)\s+((?:mr|mrs|ms|miss|dr)\.?\s+)?([a-z][a-z'\-]+(?:\s+[a-z][a-z'\-\.]*){0,3})`),
		regexp.MustCompile(`\b(?:i'm|i am|it's)\s+()([a-z][a-z'\-]+(?:\s+[a-z][a-z'\-]+){0,3})`),
	}
	notName = func() map[string]bool {
		m := map[string]bool{}
		for _, w := range strings.Fields("a an and about after again all already also am an any are as at back be because been before but by call calling can cannot card could customer did do does done for from get getting going got had has have having he hello help her here hi him his how i if in is it its just kidding like looking me mine more my need new no not now of on one or order our out over please really regarding ridiculous so sorry speaking still sure than thanks that the their them then there they this to too trying under unable up urgent us very want wanted was we were what when where which who why will with would wrong yes you your account number phone email address bad good great fine not okay ok happy upset angry tired waiting unhappy new interested") {
			m[w] = true
		}
		return m
	}()
)

func (s *search) names() {
	for _, re := range map[string][]*regexp.Regexp{"zh": zhName, "ja": jaName}[s.lang] {
		for _, m := range re.FindAllStringSubmatchIndex(s.view.s, -1) {
			if m[2] >= 0 {
				s.add(Name, strings.TrimSpace(s.view.said(m[2], m[3])), m[2], m[3], true)
			}
		}
	}
	for i, re := range enName {
		for _, m := range re.FindAllStringSubmatchIndex(s.view.s, -1) {
			from := m[4]
			to := nameEnd(s.view.s, from, m[5])
			if to <= from {
				continue
			}
			said := s.view.said(from, to)
			capital := unicode.IsUpper([]rune(said)[0])
			risky := i == 1 || strings.HasPrefix(s.view.s[m[0]:], "this is") || strings.HasPrefix(s.view.s[m[0]:], "call me")
			speaks := strings.HasPrefix(strings.TrimSpace(s.view.s[to:]), "speaking") || strings.HasPrefix(strings.TrimSpace(s.view.s[to:]), "here")
			if risky && !capital && !speaks && !(s.opt.Pending == Name) {
				continue
			}
			s.add(Name, said, from, to, true)
		}
	}
}

// nameEnd cuts a run of words where a word is not part of a name.
func nameEnd(text string, from, to int) int {
	end := from
	for at := from; at < to; {
		next := at
		for next < to && text[next] != ' ' {
			next++
		}
		w := strings.Trim(text[at:next], ".'")
		if notName[w] || w == "" {
			break
		}
		end = next
		at = next
		for at < to && text[at] == ' ' {
			at++
		}
	}
	return end
}

var (
	enAddress = regexp.MustCompile(`\b(?:(?:flat|apt|apartment|unit|suite|room)\.? ?\d+[a-z]?,? )?\d{1,6}[a-z]?(?:-\d+)?,? (?:[a-z][a-z'.]* ){0,4}?(?:street|st|avenue|ave|av|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|terrace|way|square|sq|highway|hwy|parkway|pkwy|crescent|close|cross|circle|row|walk|mews)\b\.?` +
		`(?:,? ?(?:apt|apartment|flat|unit|suite|ste|room|floor|#)\.? ?[a-z0-9]+)?(?:, ?[a-z][a-z .']{1,30}){0,3}(?:,? [a-z]{2})?(?: ?,? ?(?:\d{5}(?:-\d{4})?|[a-z]{1,2}\d[a-z\d]? ?\d[a-z]{2}))?`)
	zhAddress = regexp.MustCompile(`(?:\p{Han}{2,8}?(?:省|自治区))?(?:\p{Han}{2,6}?市)?(?:\p{Han}{1,6}?(?:新区|区|县|镇|乡))?[\p{Han}\d]{1,12}?(?:大道|路|街道|街|巷|弄|胡同|小区|花园|大厦|广场|公寓|新村|村|苑|家园|学院|大学|工业园|科技园|园区)[\p{Han}\da-z\-#]{0,40}`)
	zhLead    = regexp.MustCompile(`^.*?(?:地址(?:是|为|改成|改为|改到|换成)?|改成|改到|改为|改寄到?|换成|换到|寄到|寄去|送到|发到|搬到了?|我住在?|住在|住|家在|人在|是在|位于|在|到|是|成)`)
	zhRoad    = regexp.MustCompile(`\d|省|市|区|县|号|栋|楼|单元|室`)
	jaAddress = regexp.MustCompile(`(?:〒?\d{3}-?\d{4}[ 、]?)?(?:東京都|北海道|(?:京都|大阪)府|\p{Han}{2,3}県|\p{Han}{1,5}市|\p{Han}{1,4}区)[\p{Han}\p{Katakana}\p{Hiragana}ーヶケ々 ]{0,20}?\d[\d\-の丁目番地号 ]*(?:[\p{Han}\p{Katakana}ーa-z ]{0,20}?\d{1,4}号?室?)?`)
)

func (s *search) addresses() {
	if s.lang == "ja" {
		for _, m := range jaAddress.FindAllStringIndex(s.view.s, -1) {
			s.add(Address, strings.TrimSpace(s.view.said(m[0], m[1])), m[0], m[1], false)
		}
	}
	if s.lang == "zh" {
		for _, m := range zhAddress.FindAllStringIndex(s.view.s, -1) {
			s.zhAddress(m[0], m[1])
		}
	}
	for _, m := range enAddress.FindAllStringIndex(s.view.s, -1) {
		s.add(Address, strings.TrimSpace(s.view.said(m[0], m[1])), m[0], m[1], false)
	}
}

// zhAddress cuts what leads up to the address, and takes it if it is more than
// the name of a road.
func (s *search) zhAddress(from, to int) {
	if lead := zhLead.FindStringIndex(s.view.s[from:to]); lead != nil && lead[1] < to-from {
		from += lead[1]
	}
	for _, end := range []string{"谢谢", "麻烦", "可以吗", "行吗", "吗", "呢", "了", "吧", "这个地址", "的", "帮我", "运费", "邮费", "快递", "多少", "要几天", "能送"} {
		if i := strings.Index(s.view.s[from:to], end); i > 0 {
			to = from + i
		}
	}
	text := s.view.s[from:to]
	if utf8.RuneCountInString(text) >= 5 && zhRoad.MatchString(text) {
		s.add(Address, strings.TrimSpace(s.view.said(from, to)), from, to, false)
	}
}
