# Of pool.tsv in `dir`: time until all workers serve, and memory, by how many there are.
set terminal svg size 900,380 font "DejaVu Sans,12" background "#ffffff"
set output dir."/pool.svg"
set datafile separator "\t"
set multiplot layout 1,2
set logscale x 2
set xlabel "workers"
set key top left
set grid ytics lc rgb "#dddddd"
file = dir."/pool.tsv"
take(way, column) = sprintf("< grep -P '^%s\\t' %s | cut -f 2,%d", way, file, column)
set style data linespoints
set ylabel "seconds until all serve"
set logscale y
plot take("cold", 3) title "cold containers" lw 2 pt 7 lc rgb "#c0504d", \
     take("prefork", 3) title "one container that forks" lw 2 pt 5 lc rgb "#7f7f7f", \
     take("fork", 3) title "cow fork" lw 2 pt 9 lc rgb "#1f77b4"
set ylabel "MiB of all together, after 4000 requests"
plot take("cold", 6) title "cold containers" lw 2 pt 7 lc rgb "#c0504d", \
     take("prefork", 6) title "one container that forks" lw 2 pt 5 lc rgb "#7f7f7f", \
     take("fork", 6) title "cow fork" lw 2 pt 9 lc rgb "#1f77b4"
