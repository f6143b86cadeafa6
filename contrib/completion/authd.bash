# bash completion for authd, made by `make man`; source it, or put it into /usr/share/bash-completion/completions/authd

_authd() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} path="" word
    if [[ $current == "=" ]]; then
        current=""
    elif [[ $previous == "=" ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    for word in "${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
        case "$path $word" in
        " serve" | \
            " helper" | \
            " check" | \
            " test" | \
            " user" | \
            " user add" | \
            " user passwd" | \
            " user delete" | \
            " user list" | \
            " user lock" | \
            " user unlock" | \
            " migrate" | \
            " saslauthd" | \
            " status" | \
            " reload" | \
            " drain" | \
            " flush" | \
            " throttle" | \
            " throttle list" | \
            " throttle clear" | \
            " explain" | \
            " doctor")
            path="$path $word"
            ;;
        esac
    done
    COMPREPLY=()
    if [[ $current == -* ]]; then
        case "$path" in
            "") mapfile -t COMPREPLY < <(compgen -W "-h --help --version" -- "$current") ;;
            " serve") mapfile -t COMPREPLY < <(compgen -W "-h --help --config" -- "$current") ;;
            " helper") mapfile -t COMPREPLY < <(compgen -W "-h --help --socket --config" -- "$current") ;;
            " check") mapfile -t COMPREPLY < <(compgen -W "-h --help --config" -- "$current") ;;
            " test") mapfile -t COMPREPLY < <(compgen -W "-u -p -r -s -f -R -h" -- "$current") ;;
            " user") mapfile -t COMPREPLY < <(compgen -W "-h --help" -- "$current") ;;
            " user add") mapfile -t COMPREPLY < <(compgen -W "-h --help --file --config --scheme" -- "$current") ;;
            " user passwd") mapfile -t COMPREPLY < <(compgen -W "-h --help --file --config --scheme" -- "$current") ;;
            " user delete") mapfile -t COMPREPLY < <(compgen -W "-h --help --file --config" -- "$current") ;;
            " user list") mapfile -t COMPREPLY < <(compgen -W "-h --help --file --config" -- "$current") ;;
            " user lock") mapfile -t COMPREPLY < <(compgen -W "-h --help --file --config" -- "$current") ;;
            " user unlock") mapfile -t COMPREPLY < <(compgen -W "-h --help --file --config" -- "$current") ;;
            " migrate") mapfile -t COMPREPLY < <(compgen -W "-h --help --output --force" -- "$current") ;;
            " saslauthd") mapfile -t COMPREPLY < <(compgen -W "-a -c -d -f -h -l -m -n -O -r -s -t -T -v -V --defaults" -- "$current") ;;
            " status") mapfile -t COMPREPLY < <(compgen -W "-h --help --control --config --json" -- "$current") ;;
            " reload") mapfile -t COMPREPLY < <(compgen -W "-h --help --control --config --json" -- "$current") ;;
            " drain") mapfile -t COMPREPLY < <(compgen -W "-h --help --control --config --json" -- "$current") ;;
            " flush") mapfile -t COMPREPLY < <(compgen -W "-h --help --control --config --json" -- "$current") ;;
            " throttle") mapfile -t COMPREPLY < <(compgen -W "-h --help" -- "$current") ;;
            " throttle list") mapfile -t COMPREPLY < <(compgen -W "-h --help --control --config --json" -- "$current") ;;
            " throttle clear") mapfile -t COMPREPLY < <(compgen -W "-h --help --control --config --json" -- "$current") ;;
            " explain") mapfile -t COMPREPLY < <(compgen -W "-h --help --service --realm --client --listener --password --control --config --json" -- "$current") ;;
            " doctor") mapfile -t COMPREPLY < <(compgen -W "-h --help --config --postfix --json" -- "$current") ;;
        esac
        return
    fi
    case "$path $previous" in
        " serve --config" | \
            " helper --socket" | \
            " helper --config" | \
            " check --config" | \
            " test -f" | \
            " user add --file" | \
            " user add --config" | \
            " user passwd --file" | \
            " user passwd --config" | \
            " user delete --file" | \
            " user delete --config" | \
            " user list --file" | \
            " user list --config" | \
            " user lock --file" | \
            " user lock --config" | \
            " user unlock --file" | \
            " user unlock --config" | \
            " migrate --output" | \
            " saslauthd -m" | \
            " saslauthd -O" | \
            " saslauthd --defaults" | \
            " status --control" | \
            " status --config" | \
            " reload --control" | \
            " reload --config" | \
            " drain --control" | \
            " drain --config" | \
            " flush --control" | \
            " flush --config" | \
            " throttle list --control" | \
            " throttle list --config" | \
            " throttle clear --control" | \
            " throttle clear --config" | \
            " explain --listener" | \
            " explain --control" | \
            " explain --config" | \
            " doctor --config" | \
            " doctor --postfix")
            _authd_files "$current"
            return
            ;;
        " test -u" | \
            " test -p" | \
            " test -r" | \
            " test -s" | \
            " test -R" | \
            " saslauthd -a" | \
            " saslauthd -n" | \
            " saslauthd -s" | \
            " saslauthd -t" | \
            " explain --service" | \
            " explain --realm" | \
            " explain --client")
            :
            return
            ;;
        " user add --scheme" | \
            " user passwd --scheme")
            mapfile -t COMPREPLY < <(compgen -W "yescrypt argon2id bcrypt sha512-crypt" -- "$current")
            return
            ;;
    esac
    case "$path" in
        "") mapfile -t COMPREPLY < <(compgen -W "serve helper check test user migrate saslauthd status reload drain flush throttle explain doctor" -- "$current") ;;
        " user") mapfile -t COMPREPLY < <(compgen -W "add passwd delete list lock unlock" -- "$current") ;;
        " migrate") _authd_files "$current" ;;
        " throttle") mapfile -t COMPREPLY < <(compgen -W "list clear" -- "$current") ;;
    esac
}

_authd_files() {
    compopt -o filenames 2> /dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

complete -F _authd authd
