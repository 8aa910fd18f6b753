'use strict';
/*
 * What an experiment of `cow density` has shown.
 *
 * data: { experiment, host, cells, trials }, as the documents in its directory are; a cell is the trials of one variant, way
 * and count.
 */
const { experiment, host, cells, trials } = page_data();
const several = experiment.variants.length > 1;
const made = cells.filter((c) => c.trials > 0);
const name_of_cell = (c) => (!several ? c.way : experiment.ways.length > 1 ? `${c.variant}, ${c.way}` : c.variant);
/* The same way has the same colour everywhere; where there is but one, variants have. */
const COLOURS = 10;
function look_of(variant, way) {
	const [v, w] = [experiment.variants.findIndex((one) => one.name === variant), experiment.ways.indexOf(way)];
	return experiment.ways.length > 1 ? { colour: w % COLOURS, dash: v + Math.floor(w / COLOURS) } : { colour: v % COLOURS, dash: Math.floor(v / COLOURS) };
}
const what = experiment.inside ? 'count in the container' : 'containers at once';

/* --- formats ---------------------------------------------------------------------------------------- */
const milliseconds = (us) => {
	const ms = us / 1000;
	return known(us) ? `${ms >= 100 || ms === 0 ? count(Math.round(ms)) : ms >= 0.1 ? Number(ms.toFixed(1)) : Number(ms.toPrecision(2))} ms` : UNKNOWN;
};
const rate = (milli) => {
	const n = milli / 1000;
	return known(milli) ? `${n >= 100 || n === 0 ? count(Math.round(n)) : n >= 0.1 ? Number(n.toFixed(1)) : Number(n.toPrecision(2))} / s` : UNKNOWN;
};
const WIDE = 0.1;
const spread_part = (s) => (s.median ? (s.p90 - s.p10) / s.median : null);
const part_text = (part) => (part === null ? UNKNOWN : `${rounded(100 * part, 1)} %`);
/* The host's other memory moves too: it may have had more at the end. */
const host_each = (c) => (c.host_each_bytes.median ? c.host_each_bytes : null);
const NOISY = 0.1;
const is_noisy = (c) => known(c.host_noise_each_bytes) && c.host_noise_each_bytes > NOISY * c.host_each_bytes.median;
const templates = made.some((c) => known(c.template_bytes));
const swaps = made.some((c) => c.each.swap_bytes > 0);

/* --- title ------------------------------------------------------------------------------------------ */
const facts = (list) => el('dl', { class: 'facts' }, list.filter(([, text]) => text || text === 0).map(([word, text]) =>
	el('div', null, el('dt', null, word), el('dd', null, typeof text === 'string' ? name_of(text) : text))));
const word_of = (word) => (/^[\w@%+=:,.\/{}-]+$/.test(word) ? word : `'${word.replace(/'/g, "'\\''")}'`);
const words_of = (list) => (list?.length ? list.map(word_of).join(' ') : null);

function settings_of(v) {
	const settings = Object.entries(v).filter(([key]) => key !== 'name').map(([key, value]) => `${key.replace(/_/g, ' ')} ${value === true ? 'on' : value}`);
	return settings.length ? `${v.name} (${settings.join(', ')})` : v.name;
}

function state_of() {
	const lacks = [];
	const lack = (n, text) => n && lacks.push(`${text}: ${n} of ${plural(cells.length, 'row')}`);
	lack(cells.length - made.length, 'not made');
	lack(made.filter((c) => !c.all_started).length, 'not all started');
	lack(made.filter((c) => !c.settled).length, 'not at rest');
	lack(made.filter((c) => !c.exact).length, 'not exact');
	return lacks.length ? el('p', { class: 'state inexact' }, el('b', null, 'Look closer'), ` ${lacks.join('; ')}`)
		: el('p', { class: 'state exact' }, el('b', null, 'Exact'), ' every page frame was counted, memory was at rest, and all were started');
}

function head() {
	return el('header', null, el('h1', null, name_of(experiment.name)), state_of(),
		facts([['Image', experiment.image], ['Command', words_of(experiment.command)], ['Options', words_of(experiment.options)],
			['Ways', experiment.ways.join(', ')], ['Variants', several || Object.keys(experiment.variants[0]).length > 1 ? experiment.variants.map(settings_of).join('; ') : null],
			[experiment.inside ? 'Counts inside one container' : 'Counts', experiment.counts.map(count).join(', ')], ['Repetitions', count(experiment.repetitions)],
			['Trials', count(trials.length)], ['Side by side', count(experiment.parallel)], ['Seed', String(experiment.seed)], ['Left free', experiment.keep_free]]));
}

const MERGING = { 0: 'off', 1: 'on', 2: 'off, all unmerged' };
const of_host = () => section('Host', facts([['Kernel', host.kernel], ['Machine', host.machine], ['CPU', host.cpu], ['Processors', count(host.processors)],
	['Memory', bytes(host.memory_bytes)], ['Swap', host.swap_bytes ? bytes(host.swap_bytes) : 'none'], ['Huge pages', host.huge_pages],
	['Merging (KSM)', MERGING[host.merging] ?? host.merging], ['Swappiness', host.swappiness], ['Overcommit', host.overcommit],
	['Records of containers on', host.records], ['By', host.version]]));

/* --- the summary ------------------------------------------------------------------------------------ */
const state_text = (c) => (!c.trials ? 'not made' : !c.all_started ? 'not all started' : !c.settled ? 'not at rest' : !c.exact ? 'not exact' : 'exact');
const spread_title = (s, text) => (s ? `from ${text(s.p10)} to ${text(s.p90)}` : null);
function spread_column(label, of, text) {
	const value = (c) => (c.trials > 1 && of(c) ? spread_part(of(c)) : null);
	return { label, value, title: (c) => (c.trials > 1 ? spread_title(of(c), text) : 'of one trial nothing is known'),
		show: (c) => (value(c) > WIDE ? el('b', { class: 'wide' }, part_text(value(c))) : part_text(value(c))) };
}
const figure_column = (label, of, text, title, about) => ({ label, value: (c) => (c.trials ? of(c) ?? null : null),
	show: (c) => (about?.(c) && known(of(c)) ? '~' : '') + text(c.trials ? of(c) : null),
	title: (c) => (c.trials ? title?.(of(c)) : null), bytes: text === bytes });

function of_cells() {
	const columns = [text_column('Way', (c) => c.way), ...(several ? [text_column('Variant', (c) => c.variant)] : []), count_column('Count', (c) => c.count),
		count_column('Trials', (c) => c.trials), text_column('State', state_text),
		figure_column('Cost each', (c) => c.cost_each_bytes.median, bytes, exactly), spread_column('± cost', (c) => c.cost_each_bytes, bytes),
		figure_column('Host each', (c) => host_each(c)?.median, bytes, exactly, is_noisy), spread_column('± host', host_each, bytes),
		figure_column('In all', (c) => c.union_bytes.median, bytes, exactly), figure_column('Saved', (c) => c.saved_bytes.median, bytes, exactly),
		...(swaps ? [figure_column('Swap each', (c) => c.each.swap_bytes, bytes, exactly)] : []),
		...(templates ? [figure_column('Template', (c) => c.template_bytes, bytes, exactly)] : []),
		figure_column('Start', (c) => c.start_us.median || null, milliseconds, (n) => `${count(n)} µs`), spread_column('± start', (c) => c.start_us, milliseconds),
		figure_column('P90', (c) => c.containers_us.p90 || null, milliseconds, (n) => `${count(n)} µs`),
		figure_column('A second', (c) => c.rate_milli.median, rate), spread_column('± rate', (c) => c.rate_milli, rate)];
	return section('Summary', el('p', { class: 'note' }, 'Medians over the trials of each row. ±: how far the middle four fifths of the trials are apart, of the median; '
		+ `bold above ${percent(WIDE)}. Cost: what the end of one container would free. Host: what the host had less for each, whatever that went to; `
		+ `~ where its memory moves by more than ${percent(NOISY)} of that when nothing is under way. `
		+ (templates ? 'Template: what it has beside what its forks map; it is in all, and in nothing else. ' : '')
		+ 'Start, P90: of half and of nine tenths of the containers.'), table('Medians and spreads', columns, cells, null).element);
}

/* --- bars ------------------------------------------------------------------------------------------- */
const PARTS = { anon: 'anon_bytes', forked: 'forked_bytes', file: 'file_bytes', shmem: 'shmem_bytes', ksm: 'ksm_bytes', kernel: 'kernel_bytes', monitor: 'monitor_bytes' };
const PART_TEXTS = { cache: 'page cache and files in memory that are not mapped' };
function parts_of(c) {
	const parts = Object.entries(PARTS).map(([of, key]) => ({ of, bytes: c.each[key] ?? 0 }));
	return [...parts, { of: 'cache', bytes: Math.max(0, (c.each.cost_bytes ?? 0) - sum(parts.map((p) => p.bytes))) }];
}

function of_kinds() {
	const counts = experiment.counts.filter((n) => made.some((c) => c.count === n));
	const place = el('div');
	function draw(n) {
		const rows = made.filter((c) => c.count === n).map((c) => ({ name: name_of_cell(c), parts: parts_of(c) }));
		const found = new Set(rows.flatMap((row) => row.parts.filter((p) => p.bytes > 0).map((p) => p.of)));
		place.replaceChildren(legend(Object.keys(SERIES).filter((of) => found.has(of)), PART_TEXTS), bars('Memory of one container by kind', rows, ''));
	}
	draw(counts[counts.length - 1]);
	return section('Memory of one container by kind', el('p', { class: 'note' }, 'What each container has for itself: medians. What it shares is not in it.'),
		counts.length > 1 ? el('div', { class: 'controls' }, choice('Count', Object.fromEntries(counts.map((n) => [n, count(n)])), String(counts[counts.length - 1]), (n) => draw(Number(n)))) : null, place);
}

/* --- charts ----------------------------------------------------------------------------------------- */
const spread_point = (s) => s && { y: s.median, low: s.p10, high: s.p90 };
const in_bytes = { ticks, text: tick_text, decades: decade_of_bytes };
const CHARTS = [
	{ title: 'What each container costs', axis: 'bytes each', ...in_bytes, point: (c) => spread_point(c.cost_each_bytes) },
	{ title: 'What the host has less, for each', axis: 'bytes each', ...in_bytes, point: (c) => spread_point(host_each(c)) },
	{ title: 'Time to start one', axis: 'milliseconds; whiskers: the middle four fifths of the containers', ticks: even_ticks, decades: decade, text: milliseconds, point: (c) => (c.containers_us.median ? spread_point(c.containers_us) : null) },
	{ title: 'Started in a second', axis: 'containers a second', ticks: even_ticks, decades: decade, text: rate, point: (c) => spread_point(c.rate_milli) },
	{ title: 'Memory of all together', axis: 'bytes', ...in_bytes, point: (c) => spread_point(c.union_bytes) },
	{ title: 'Memory that sharing saves', axis: 'bytes', ...in_bytes, point: (c) => spread_point(c.saved_bytes) },
	{ title: 'Swapped out of each', axis: 'bytes each', ...in_bytes, point: (c) => (swaps && known(c.each.swap_bytes)
		? { y: c.each.swap_bytes, low: c.each.swap_bytes, high: c.each.swap_bytes } : null) },
];

function of_counts() {
	const curves = (point) => experiment.variants.flatMap((v) => experiment.ways.map((way) => ({
		name: name_of_cell({ variant: v.name, way }), look: look_of(v.name, way),
		points: made.filter((c) => c.variant === v.name && c.way === way).sort((a, b) => a.count - b.count)
			.map((c) => point(c) && { x: c.count, ...point(c) }).filter((p) => p),
	})));
	return section(`Against the count`, el('p', { class: 'note' }, 'Medians; whiskers are the middle four fifths, of the trials where nothing else is said.'),
		el('div', { class: 'charts' }, CHARTS.map((chart) => lines({ ...chart, axis_x: what, curves: curves(chart.point) })).filter((c) => c)));
}

/* --- what to beware of ------------------------------------------------------------------------------ */
const SPREADS = [['cost each', (c) => c.cost_each_bytes, bytes], ['host each', host_each, bytes], ['in all', (c) => c.union_bytes, bytes],
	['start', (c) => c.start_us, milliseconds], ['a second', (c) => c.rate_milli, rate]];

function of_spreads() {
	const repeated = made.filter((c) => c.trials > 1);
	const rows = repeated.flatMap((c) => SPREADS.map(([figure, of, text]) => ({ c, figure, s: of(c), text })))
		.filter(({ s }) => s && spread_part(s) > WIDE);
	const columns = [text_column('Way', ({ c }) => c.way), ...(several ? [text_column('Variant', ({ c }) => c.variant)] : []), count_column('Count', ({ c }) => c.count),
		text_column('Figure', (row) => row.figure),
		...[['Median', 'median'], ['From', 'p10'], ['To', 'p90']].map(([label, key]) => ({ label, value: ({ s }) => s[key], show: ({ s, text }) => text(s[key]) })),
		{ label: 'Spread', value: ({ s }) => spread_part(s), show: ({ s }) => part_text(spread_part(s)) }];
	return section('What spreads', el('p', { class: 'note' }, !repeated.length ? 'There is one trial of each: nothing is known of what they spread.'
		: rows.length ? `Between its trials each of these spreads more than ${percent(WIDE)} of its median.`
			: `No figure spreads more than ${percent(WIDE)} of its median between its trials.`),
		rows.length ? table('What spreads', columns, rows, columns.length - 1).element : null);
}

function of_warnings() {
	const rows = cells.filter((c) => state_text(c) !== 'exact').map((c) => ({ c, why: [...new Set(trials.filter((t) =>
		t.variant === c.variant && t.way === c.way && t.count === c.count && t.why).map((t) => t.why))].join('; ') || null,
	started: trials.filter((t) => t.variant === c.variant && t.way === c.way && t.count === c.count).map((t) => t.started) }));
	return rows.length ? section('Warnings', table('Warnings', [text_column('Way', ({ c }) => c.way), ...(several ? [text_column('Variant', ({ c }) => c.variant)] : []),
		count_column('Count', ({ c }) => c.count), { label: 'Started', value: ({ started }) => (started.length ? Math.min(...started) : null), show: ({ started }) => started.map(count).join(', ') || UNKNOWN },
		text_column('State', ({ c }) => state_text(c)),
		{ label: 'Why', text: true, value: (row) => row.why, show: (row) => el('span', { class: 'why' }, name_of(row.why ?? UNKNOWN)) }], rows, null).element) : null;
}

/* --- all of it -------------------------------------------------------------------------------------- */
document.title = `${experiment.name} – density`;
document.getElementById('page').append(...[
	head(),
	of_warnings(),
	of_cells(),
	made.length ? of_kinds() : null,
	made.length ? of_counts() : null,
	made.length ? of_spreads() : null,
	of_host(),
].filter((part) => part));
