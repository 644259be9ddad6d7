# Turns minutes in the rules into seconds, so that alerts fire quickly:
#
#   sed -E -f rehearse.sed rules/site.yml > /tmp/site.yml
#
# Thresholds are unchanged. For a Prometheus that scrapes and evaluates every second.
# A minute is four scrapes, and a rate needs two.
s/\[1m\]/[4s]/g
s/\[([0-9]+)m\]/[\1s]/g
s/ offset ([0-9]+)m/ offset \1s/g
s/^( *(interval|(keep_firing_)?for): [0-9]+)m$/\1s/
