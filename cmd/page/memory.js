'use strict';
/*
 * What containers cost, and what they share: the document of `cow mem --json` as a page.
 *
 * data: { host, words: [{ word, meaning }], memory: that document, shares }. `shares` stands for the document's
 * "shared_with": row i has what container i has in common with the containers 0 to i, the last being its own "unique";
 * null: not known.
 */
const { host, words, memory, shares } = page_data();
const containers = memory.containers.map((c, index) => ({ ...c, index }));
const about = memory.estimated ? '~' : '';
const KINDS = ['anon', 'forked', 'file', 'shmem', 'ksm', 'hugetlb'];

const shared = (i, j) => shares?.[Math.max(i, j)]?.[Math.min(i, j)] ?? null;
const text_of = (n) => (known(n) ? about : '') + bytes(n);
/* What no machine has is no limit. */
const limit_of = (c) => (c.limit_bytes < 2 ** 62 ? c.limit_bytes : null);

/* --- title and sums --------------------------------------------------------------------------------- */
function counted() {
	const templates = containers.filter((c) => c.template).length, hosts = containers.filter((c) => c.host).length;
	return [plural(containers.length - templates - hosts, 'container'), ...(templates ? [plural(templates, 'template')] : []), ...(hosts ? ['the host'] : [])]
		.join(' and ');
}

function head() {
	const state = memory.exact ? ['exact', 'Exact', 'every page frame was counted, and nothing moved meanwhile']
		: memory.estimated ? ['estimate', 'Estimates', memory.why] : ['inexact', 'Not exact', memory.why];
	const stood = memory.frozen > 0 ? `${plural(memory.frozen, 'container')}, ${rounded(memory.frozen_ns / 1e6, 1)} ms at most` : null;
	const facts = [['Host', host.name], ['Kernel', host.kernel], ['Memory', bytes(host.memory_bytes)], ['Time', host.time?.replace('T', ' ').replace('Z', ' UTC')], ['By', host.version], ['Stood still', stood]];
	return el('header', null, el('h1', null, `Memory of ${counted()}`),
		el('p', { class: `state ${state[0]}` }, el('b', null, state[1]), ` ${state[2] ?? ''}`),
		el('dl', { class: 'facts' }, facts.filter(([, text]) => text).map(([word, text]) =>
			el('div', null, el('dt', null, word), el('dd', null, text)))));
}

function card(label, value, note, fill) {
	return el('div', { class: 'card' }, el('span', { class: 'card-label' }, fill ? el('i', { class: `swatch fill-${fill}` }) : null, label),
		el('strong', { title: known(value) ? exactly(value) : null }, typeof value === 'string' ? value : text_of(value)),
		el('span', { class: 'note' }, note));
}

function sums() {
	const { union_bytes: all, unshared_bytes: apart, saved_bytes: saved } = memory;
	const own = sum(containers.map((c) => c.private_bytes ?? 0));
	const parts = [['private', own], ['shared', all - own], ['saved', saved]];
	const whole = known(all) && known(saved) && all >= own && all + saved > 0;
	const texts = {
		private: `${text_of(own)}: mapped by one of them only`,
		shared: `${text_of(all - own)}: mapped by several, or by the host too, and held once`,
		saved: `${text_of(saved)}: what copies of that would take`,
	};
	return section('In all', el('div', { class: 'cards' },
		card('In use', all, 'page frames, each counted once'),
		card('Without sharing', apart, 'if each had a copy of all that it maps'),
		card('Saved', saved, known(saved) && apart > 0 ? `${percent(saved / apart)} of that, by sharing` : 'by sharing'),
		card('Processes', count(sum(containers.map((c) => c.processes))), `in ${counted()}`)),
		whole ? [el('div', { class: 'track whole', role: 'img', 'aria-label': parts.map(([of, n]) => `${of} ${bytes(n)}`).join(', ') },
			parts.map(([of, n]) => el('i', { class: `fill-${of}`, '--w': `${(100 * n) / (all + saved)}%`, title: `${of} ${text_of(n)}` }))),
			legend(parts.map(([of]) => of), texts)] : null);
}

/* --- bars and table of containers ------------------------------------------------------------------- */
const VIEWS = {
	sharing: {
		label: 'private and shared',
		parts: (c) => [{ of: 'private', bytes: c.private_bytes }, { of: 'shared', bytes: c.shared_bytes }, { of: 'kernel', bytes: c.kernel_bytes }],
	},
	kinds: {
		label: 'by kind',
		parts: (c) => ['private_bytes', 'shared_bytes'].flatMap((key) =>
			KINDS.map((kind) => ({ of: kind, bytes: c.kinds?.[kind]?.[key], light: key === 'shared_bytes' }))),
	},
	cost: {
		label: 'cost',
		parts: (c) => [{ of: 'private', bytes: c.private_bytes }, { of: 'kernel', bytes: c.kernel_bytes },
			{ of: 'cache', bytes: c.private_cache_bytes }, { of: 'tmpfs', bytes: c.unmapped_shmem_bytes }, { of: 'monitor', bytes: c.monitor_bytes }],
	},
};

/* Of what a view shows, what there is any of. */
function series_of(view) {
	const found = new Set(containers.flatMap((c) => view.parts(c).filter((p) => p.bytes > 0).map((p) => p.of)));
	return Object.keys(SERIES).filter((of) => found.has(of));
}

/* Who shares most with it, the host among them: how many, and the first few, without sorting all. */
const PARTNERS_TOLD = 12;
function partners(c) {
	if (c.partners)
		return c.partners;
	const most = [];
	let n = 0;
	const add = (name, amount) => {
		if (!amount)
			return;
		n++;
		let at = most.length;
		while (at > 0 && most[at - 1].bytes < amount)
			at--;
		if (at < PARTNERS_TOLD)
			most.splice(at, 0, { name, bytes: amount });
		most.length = Math.min(most.length, PARTNERS_TOLD);
	};
	for (let i = 0; i < containers.length; i++)
		if (i !== c.index)
			add(containers[i].name, shared(c.index, i));
	add('host', c.shared_with_host_bytes);
	return c.partners = { n, most };
}

function partners_cell(c) {
	const { n, most } = partners(c);
	return n ? [most.slice(0, 2).map((p) => [name_of(shortened(p.name, 20)), ' ']), n > 2 ? `+${n - 2}` : ''] : UNKNOWN;
}

const has_engines = containers.some((c) => c.engine !== containers[0].engine);
const FIGURES = [
	{ label: 'Container', value: (c) => c.name, text: true, show: (c) => [name_of(c.name), c.template ? el('small', null, ' template') : null] },
	/* Where all are ours it says nothing. */
	text_column('Engine', (c) => (has_engines ? c.engine ?? '' : null)),
	count_column('Procs', (c) => c.processes),
	bytes_column('Unique', (c) => c.unique_bytes, about),
	bytes_column('Private', (c) => c.private_bytes, about),
	bytes_column('Shared', (c) => c.shared_bytes, about),
	{ label: 'With', value: (c) => partners(c).n, text: true, show: partners_cell,
		title: (c) => partners(c).most.map((p) => `${p.name}: ${bytes(p.bytes)}`).join('\n') },
	bytes_column('Kernel', (c) => c.kernel_bytes),
	bytes_column('Cost', (c) => c.cost_bytes, about),
	bytes_column('Swap', (c) => c.swap_bytes),
	bytes_column('Charged', (c) => c.charged_bytes),
	bytes_column('Limit', limit_of),
];

function of_containers(filtered) {
	const place = el('div'), key = el('div');
	const series = Object.fromEntries(Object.entries(VIEWS).map(([name, v]) => [name, series_of(v)]));
	let view = 'sharing', order = containers;

	function draw() {
		const { label, parts } = VIEWS[view];
		key.replaceChildren(legend(series[view]), view === 'kinds' ? el('p', { class: 'note' }, 'Full colour: private. Pale: shared.') : '');
		place.replaceChildren(order.length ? bars(`Memory of containers, ${label}`, order.map((c) => ({ name: c.name, parts: parts(c) })), about)
			: el('p', { class: 'note' }, 'None.'));
	}
	const told = FIGURES.filter((column) => containers.some((c) => known(column.value(c)) || typeof column.value(c) === 'string'));
	const untold = FIGURES.filter((column) => !told.includes(column) && !column.text).map((column) => column.label.toLowerCase());
	const figures = table('Figures of containers', told, containers, told.findIndex((column) => column.bytes), (rows) => { order = rows; draw(); });
	const views = Object.fromEntries(Object.entries(VIEWS).filter(([name]) => series[name].length).map(([name, v]) => [name, v.label]));
	return section('Containers', el('div', { class: 'controls' },
		choice('Bars', views, view, (name) => { view = name; draw(); }),
		filter('Names with', (test) => { figures.show((c) => test(c.name)); filtered(containers.filter((c) => test(c.name))); })),
		key, place, el('p', { class: 'note' }, 'The head of a column sorts by it, the bars too.',
		untold.length ? ` This host cannot tell: ${untold.join(', ')}.` : ''), figures.element);
}

/* --- the matrix ------------------------------------------------------------------------------------- */
/* Beginning with the largest, always the one that has most in common with the last: groups come together. */
function by_sharing(list) {
	const left = [...list].sort((a, b) => (b.unique_bytes ?? 0) - (a.unique_bytes ?? 0));
	const order = left.splice(0, 1);
	while (left.length) {
		const last = order[order.length - 1].index;
		let best = 0;
		for (let k = 1; k < left.length; k++)
			if (shared(last, left[k].index) > shared(last, left[best].index))
				best = k;
		order.push(...left.splice(best, 1));
	}
	return order;
}

/* One more column: the host, where anything is shared with it. */
function matrix_of(list, part) {
	const hosts = list.some((c) => c.shared_with_host_bytes > 0);
	const amount = (i, j) => (j < list.length ? shared(list[i].index, list[j].index) : list[i].shared_with_host_bytes ?? null);
	const share = (i, j) => (list[i].unique_bytes ? (amount(i, j) ?? 0) / list[i].unique_bytes : 0);
	let most = 1;
	for (let i = 0; i < list.length; i++)
		for (let j = 0; j < list.length + hosts; j++)
			if (i !== j)
				most = Math.max(most, amount(i, j) ?? 0);
	return {
		most,
		rows: list.map((c) => c.name),
		columns: [...list.map((c) => c.name), ...(hosts ? ['host'] : [])],
		is_own: (i, j) => i === j,
		value: (i, j) => (part ? share(i, j) : (amount(i, j) ?? 0) / most),
		text: (i, j) => (part && i !== j ? percent(share(i, j)) : bytes(amount(i, j))),
		tell: (i, j) => (i === j ? `${list[i].name} maps ${bytes(amount(i, i))} in all`
			: `${list[i].name} and ${j < list.length ? list[j].name : 'the host'} share ${bytes(amount(i, j))}, ${percent(share(i, j))} of ${list[i].name}`),
	};
}

function of_pairs() {
	const place = el('div');
	/* Of many, the order in which they were started shows no groups. */
	let list = containers, order = containers.length > HEAT_TABLE_MOST ? 'sharing' : 'listed', unit = 'bytes';

	function draw() {
		const of = matrix_of(order === 'listed' ? list : by_sharing(list), unit === 'part');
		place.replaceChildren(list.length ? heat('Who shares how much with whom', of,
			unit === 'part' ? ['0 %', 'of the memory of the row', '100 %'] : ['0 B', 'mapped by both', bytes(of.most)]) : el('p', { class: 'note' }, 'None.'));
	}
	draw();
	return {
		show: (filtered) => { list = filtered; draw(); },
		element: section('Who shares with whom', el('p', { class: 'note' }, 'Each cell is memory that the container of the row and that of the column both map. '
			+ 'Grey: all that a container maps itself.'), el('div', { class: 'controls' },
			choice('Order', { listed: 'as listed', sharing: 'by what is shared' }, order, (name) => { order = name; draw(); }),
			choice('Figures', { bytes: 'bytes', part: 'part of the row' }, unit, (name) => { unit = name; draw(); })), place),
	};
}

/* --- what else the document has --------------------------------------------------------------------- */
/* An array of objects as a table of its own: members in bytes, other numbers, text, and who has how much of it. */
const HEADS = { pid: 'PID', shared_inside_bytes: 'Inside', page_table_bytes: 'Tables', shared_with_host_bytes: 'Host' };
function column_of(key, rows) {
	const label = HEADS[key] ?? key.replace(/_bytes$/, '').replace(/_/g, ' ').replace(/^./, (c) => c.toUpperCase());
	const some = rows.find((row) => row[key] !== null && row[key] !== undefined)?.[key];
	const value = (row) => row[key] ?? null;
	if (/(^|_)bytes$/.test(key))
		return bytes_column(label, value, about);
	if (typeof some === 'number') /* a pid is no amount */
		return key === 'pid' ? { label, value, show: value } : count_column(label, value);
	if (typeof some === 'string')
		return text_column(label, value);
	if (Array.isArray(some))
		return { label, value: (row) => value(row)?.length ?? null, text: true,
			show: (row) => (value(row) ?? []).slice(0, 3).map((one, i) => [i ? ', ' : '', name_of(shortened(String(one.name ?? one), 24)), known(one.bytes) ? ` ${bytes(one.bytes)}` : ''])
				.concat((value(row)?.length ?? 0) > 3 ? ` +${value(row).length - 3}` : '') };
	return null;
}

/* `bar`: { parts: of a row, texts: of these } where rows have bars. */
function extra(title, rows, note, bar) {
	if (!rows?.length)
		return null;
	/* A layer's name is the beginning of its digest. */
	const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((key) => key !== 'digest');
	/* What it is called comes first. */
	keys.sort((a, b) => (typeof rows[0][b] === 'string') - (typeof rows[0][a] === 'string'));
	const columns = keys.map((key) => column_of(key, rows)).filter((c) => c);
	const place = bar ? el('div') : null;
	const made = table(title, columns, rows, Math.max(0, columns.findIndex((c) => c.bytes)), (shown) => place?.replaceChildren(
		bars(`${title} in memory`, shown.map((row) => ({ name: String(columns[0].value(row)), parts: bar.parts(row) })), about)));
	return section(title, el('p', { class: 'note' }, note), rows.length > 12 ? el('div', { class: 'controls' },
		filter('Lines with', (test) => made.show((row) => test(Object.values(row).filter((v) => typeof v === 'string').join(' '))))) : null,
		bar ? [legend(Object.keys(bar.texts), bar.texts), place] : null, made.element);
}

const legend_of_words = () => section('Words', el('dl', { class: 'words' },
	words.map(({ word, meaning }) => el('div', null, el('dt', null, word), el('dd', null, meaning)))), el('h3', null, 'Kinds of memory'), legend(KINDS));

/* --- all of it -------------------------------------------------------------------------------------- */
const pairs = containers.length && shares ? of_pairs() : null;
document.title = `Memory of ${counted()}`;
document.getElementById('page').append(...[
	head(),
	sums(),
	containers.length ? of_containers((list) => pairs?.show(list)) : null,
	pairs?.element ?? (containers.length ? section('Who shares with whom', el('p', { class: 'note' }, `This is not known: ${memory.why ?? 'there are too many containers'}.`)) : null),
	extra('Layers', memory.layers, 'What is in memory of the files of image layers, each page once.', {
		parts: (row) => [{ of: 'file', bytes: row.mapped_bytes }, { of: 'cache', bytes: row.unmapped_bytes }],
		texts: { file: 'mapped by containers', cache: 'only kept in the page cache' },
	}),
	extra('Files', memory.files, 'What containers map of files, each page once for all of them.'),
	extra('Processes', memory.processes, 'They do not add up: what several share is in each of them.'),
	legend_of_words(),
].filter((part) => part));
