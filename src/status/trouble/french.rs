//! Troubles in French.

use super::found::Found;
use super::text::{Text, is_denied, text};
use crate::model::Language;

/// Returns the summary and the remedy of a trouble.
#[expect(clippy::too_many_lines, reason = "an arm for each trouble")]
pub(super) fn french(found: &Found<'_>) -> Text {
    match found {
        Found::InputFailing { source, reason } if is_denied(reason) => text(
            format!("« {} » est illisible : permission refusée", source.name),
            "Donnez à l'utilisateur du service ou à l'un de ses groupes le droit de lire le journal et de traverser ses répertoires ; sous Debian, les journaux de nginx appartiennent au groupe adm.",
        ),
        Found::InputFailing { source, .. } => text(
            format!("« {} » ne peut pas être ouvert", source.name),
            "Supprimez la cause indiquée ; l'exportateur réessaie de lui-même.",
        ),
        Found::InputWaiting { source, .. } => text(
            format!("« {} » attend son journal", source.name),
            "Comparez le chemin avec la configuration du serveur, ou attendez sa première ligne.",
        ),
        Found::MostRejected {
            source,
            rejected,
            lines,
        } => text(
            format!(
                "« {} » : {rejected} {} sur {lines} pendant la dernière heure",
                source.name,
                plural(*rejected, "ligne rejetée", "lignes rejetées"),
            ),
            "Le motif n'est pas le format du journal : regardez où une ligne cesse de correspondre, puis corrigez `pattern`.",
        ),
        Found::SomeRejected {
            source,
            rejected,
            lines,
        } => text(
            format!(
                "« {} » : {rejected} {} sur {lines} pendant la dernière heure",
                source.name,
                plural(*rejected, "ligne rejetée", "lignes rejetées"),
            ),
            "Regardez les lignes rejetées, puis corrigez le motif ou donnez-leur une source à part.",
        ),
        Found::Late {
            source,
            seconds,
            bytes,
        } => text(
            format!(
                "« {} » a {seconds:.0} s de retard : {bytes} {}",
                source.name,
                plural(*bytes, "octet n'est pas lu", "octets ne sont pas lus"),
            ),
            "Patientez si l'exportateur vient de démarrer ; sinon, donnez-lui plus de processeur ou cherchez un disque lent.",
        ),
        Found::LinesLost { source, events } => text(
            format!(
                "« {} » : des lignes ont pu être perdues, {events} fois pendant la dernière heure",
                source.name
            ),
            "Le journal de l'exportateur nomme le fichier et la cause ; faites tourner les journaux par renommage et gardez une archive non compressée (delaycompress).",
        ),
        Found::PeerSilent {
            source,
            missing,
            passed,
        } => text(
            format!(
                "« {} » a transmis {passed} {} pendant la dernière heure, dont {missing} sans ligne derrière",
                source.name,
                plural(*passed, "requête", "requêtes"),
            ),
            "Vérifiez que la source derrière lit bien le journal écrit par ce serveur, et que ce serveur fonctionne.",
        ),
        Found::UrlconfRefused { source } => text(
            format!(
                "« {source} » : l'URLconf modifié contient des erreurs, le précédent reste en vigueur"
            ),
            "Écrivez de nouveau le fichier avec dump_urlconf.py ; il est relu automatiquement.",
        ),
        Found::Silent { source, hours } => text(
            format!("« {} » : aucune ligne depuis {hours} h", source.name),
            "Si le site a du trafic, vérifiez que le serveur écrit toujours ce journal.",
        ),
        Found::SeriesFull { limit, overflow } => text(
            format!(
                "les {limit} séries autorisées sont épuisées ; {overflow} {} sous `<other>`",
                plural(
                    *overflow,
                    "ligne de la dernière heure compte",
                    "lignes de la dernière heure comptent"
                ),
            ),
            "Augmentez limits.series, ou réduisez les jeux de métriques, les routes ou les méthodes.",
        ),
        Found::SeriesNearlyFull { used, limit } => text(
            format!("{used} séries sur {limit} sont utilisées"),
            "Augmentez limits.series à temps, ou réduisez les jeux de métriques, les routes ou les méthodes.",
        ),
        Found::NotDurable { .. } => text(
            "les compteurs ne sont pas conservés : ils seraient perdus avec le processus",
            "Libérez de la place sur le disque et laissez le service écrire dans state.dir ; l'exportateur réessaie de lui-même.",
        ),
        Found::NotKept => text(
            "les compteurs ne survivent pas à un redémarrage",
            "Définissez state.dir : les compteurs reprennent après un redémarrage et aucune ligne n'est manquée.",
        ),
        Found::ReloadRefused { .. } => text(
            "le dernier rechargement a été refusé, la configuration précédente reste en vigueur",
            "Corrigez la configuration, puis rechargez.",
        ),
        Found::WebConfigRefused => text(
            "la configuration web contient des erreurs, la précédente reste en vigueur",
            "Corrigez le fichier ; il est relu automatiquement.",
        ),
        Found::CertificateExpired => text(
            "le certificat du serveur a expiré",
            "Remplacez le certificat ; son fichier est relu automatiquement.",
        ),
        Found::CertificateExpires { days } => text(
            format!(
                "le certificat du serveur expire dans {days} {}",
                plural(*days, "jour", "jours")
            ),
            "Remplacez le certificat ; son fichier est relu automatiquement.",
        ),
        Found::FewDescriptors { used, limit } => text(
            format!("{used} descripteurs de fichier sur {limit} sont utilisés"),
            "Augmentez LimitNOFILE= du service, ou suivez moins de fichiers.",
        ),
        Found::NginxDown { address, .. } => text(
            format!("la page {address} de nginx ne donne aucune métrique : nginx_up vaut 0"),
            "Faites servir par nginx sa page stub_status à cette adresse et à cette machine, ou corrigez l'adresse ; elle est redemandée automatiquement.",
        ),
        Found::MessagesDropped { messages } => text(
            format!(
                "{messages} {} pendant la dernière heure",
                plural(
                    *messages,
                    "message du journal de l'exportateur abandonné",
                    "messages du journal de l'exportateur abandonnés"
                ),
            ),
            "Vérifiez que le journal, ou ce qui lit ces messages, suit le rythme.",
        ),
        Found::ConfigurationWarning { .. } => text(
            "la configuration contient un avertissement",
            "Voyez l'endroit qu'il indique.",
        ),
    }
}

fn plural(count: u64, one: &'static str, many: &'static str) -> &'static str {
    Language::French.plural(count, one, many)
}
